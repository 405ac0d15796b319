package preflight

import (
	"context"
	"fmt"
	"slices"
)

// output checks the parameter that receives the AMIs. The data type of an existing parameter cannot change.
func (c *Checks) output(ctx context.Context, q asked) answer {
	const check = "output parameter"
	name := q.value("OutputAmiParameter")
	kind := q.value("OutputAmiDataType")

	parameter, err := c.Parameters.Read(ctx, name)
	if err != nil {
		return answer{results: []Result{unmade(check, err, Result{Status: OK, Text: fmt.Sprintf("%s is made by the first build, as %s", name, kind)})}}
	}
	r := Result{Name: check, Status: OK, Text: fmt.Sprintf("%s exists, as %s", name, parameter.DataType)}

	known := q.wanted.template.parameters["OutputAmiDataType"].values
	switch {
	case parameter.Type != "String":
		r.Status = Failed
		r.Text = fmt.Sprintf("%s is a %s; Image Builder writes a String", name, parameter.Type)
		r.Hint = "name another output, or delete the parameter"
	case !slices.Contains(known, parameter.DataType):
		r.Status = Failed
		r.Text = fmt.Sprintf("%s has the data type %s, which no AMI goes into", name, parameter.DataType)
		r.Hint = "name another output, or delete the parameter"

	case kind != parameter.DataType && q.given("OutputAmiDataType"):
		r.Status = Failed
		r.Text = fmt.Sprintf("%s is of data type %s, and can never become %s", name, parameter.DataType, kind)
		r.Hint = "leave --output-ami-data-type out, or name another output"
	case kind != parameter.DataType:
		return answer{results: []Result{r}, learnt: map[string]string{"OutputAmiDataType": parameter.DataType}}
	}

	return answer{results: []Result{r}}
}
