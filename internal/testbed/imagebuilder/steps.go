package imagebuilder

import (
	"image-builder/internal/testbed/wire"
)

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListWorkflowExecutions.html
func (b *Service) listWorkflowExecutions(call wire.Call) (wire.Values, error) {
	arn := wire.Text(call.In, "imageBuildVersionArn")
	run := b.build(arn)
	if run == nil {
		return nil, b.missing(arn)
	}
	var all []wire.Values
	for _, w := range run.workflows {
		all = append(all, b.encodeWorkflow(w))
	}

	out, err := b.list(call, "workflowExecutions", all, nil)
	if err != nil {
		return nil, err
	}

	return wire.With(out, "imageBuildVersionArn", arn), nil
}

func (b *Service) encodeWorkflow(w *workflow) wire.Values {
	count := map[string]int64{}
	for _, s := range w.steps {
		count[s.status]++
	}

	out := wire.Values{
		"workflowBuildVersionArn": w.arn(b.Home), "workflowExecutionId": w.id, "type": w.Kind, "status": w.status,
		"totalStepCount": int64(len(w.steps)), "totalStepsSucceeded": count["COMPLETED"], "totalStepsFailed": count["FAILED"],
		"totalStepsSkipped": count["SKIPPED"], "startTime": date(w.start), "retried": false,
	}

	if !w.end.IsZero() {
		out["endTime"] = date(w.end)
	}

	if w.message != "" {
		out["message"] = cropped(w.message)
	}

	return out
}

// cropped cuts a message to the allowed 500 characters.
func cropped(text string) string { return text[:min(len(text), 500)] }

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListWorkflowStepExecutions.html
func (b *Service) listWorkflowStepExecutions(call wire.Call) (wire.Values, error) {
	id := wire.Text(call.In, "workflowExecutionId")
	for _, run := range b.builds {
		for _, w := range run.workflows {
			if w.id != id {
				continue
			}
			var all []wire.Values
			for _, s := range w.steps {
				all = append(all, s.encode())
			}

			out, err := b.list(call, "steps", all, nil)
			if err != nil {
				return nil, err
			}
			out["workflowBuildVersionArn"] = w.arn(b.Home)
			out["workflowExecutionId"] = id
			out["imageBuildVersionArn"] = run.arn

			return out, nil
		}
	}

	return nil, b.missing(id)
}

// encode leaves out what has not happened yet: a waiting step has no times.
func (s *step) encode() wire.Values {
	out := wire.Values{"stepExecutionId": s.id, "name": s.name, "action": s.action, "status": s.status}
	for name, text := range map[string]string{
		"message": cropped(s.message), "rollbackStatus": s.rollback, "inputs": s.inputs, "outputs": s.outputs,
	} {
		if text != "" {
			out[name] = text
		}
	}

	if !s.start.IsZero() {
		out["startTime"] = date(s.start)
	}

	if !s.end.IsZero() {
		out["endTime"] = date(s.end)
	}

	return out
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_GetWorkflowStepExecution.html
func (b *Service) getWorkflowStepExecution(call wire.Call) (wire.Values, error) {
	id := wire.Text(call.In, "stepExecutionId")
	timeouts := map[string]int64{"LaunchInstance": 4500, "ExecuteComponents": 43200}
	for _, run := range b.builds {
		for _, w := range run.workflows {
			for _, s := range w.steps {
				if s.id != id {
					continue
				}
				out := s.encode()
				out["workflowBuildVersionArn"] = w.arn(b.Home)
				out["workflowExecutionId"] = w.id
				out["imageBuildVersionArn"] = run.arn
				out["onFailure"] = "Abort"
				out["timeoutSeconds"] = max(3600, timeouts[s.action])
				return out, nil
			}
		}
	}

	return nil, b.missing(id)
}
