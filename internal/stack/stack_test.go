package stack

import (
	"maps"
	"testing"
)

func TestFirst(t *testing.T) {
	t.Parallel()
	seven := map[string]string{
		"BaseAmiParameter": "/base", "OutputAmiParameter": "/out", "BootstrapScriptUrl": "", "InstanceType": "t3.large", "SecretsBucket": "",
		"SubnetId": "", "ScheduleExpression": "0 0 * * ? *",
	}
	six := maps.Clone(seven)
	delete(six, "SubnetId")
	topic := map[string]string{"Topic": "arn:topic"}

	for name, test := range map[string]struct {
		stack Stack
		want  bool
	}{
		"one of the first":        {Stack{Parameters: seven, Outputs: topic}, true},
		"one of ours":             {Stack{Description: "image-builder: bakes AMIs", Parameters: seven, Outputs: topic}, false},
		"another's parameters":    {Stack{Parameters: six, Outputs: topic}, false},
		"one that has no outputs": {Stack{Parameters: seven}, false},
	} {
		if got := test.stack.First(); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestWhatAChangeSetDoes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change       Change
		loses, moves bool
	}{
		"a topic that changes":     {Change{Action: "Modify", Replacement: "False", LogicalID: Topic}, false, false},
		"a topic that is replaced": {Change{Action: "Modify", Replacement: "True", LogicalID: Topic}, true, false},
		"a topic that may be":      {Change{Action: "Modify", Replacement: "Conditional", LogicalID: Topic}, true, false},
		"a topic that goes":        {Change{Action: "Remove", LogicalID: Topic}, true, false},
		"a topic that is new":      {Change{Action: "Add", LogicalID: Topic}, true, false},
		"another topic that goes":  {Change{Action: "Remove", LogicalID: "FailureTopic"}, false, false},
		"a VPC for another":        {Change{Action: "Remove", Type: "AWS::EC2::VPC"}, false, true},
		"another VPC":              {Change{Action: "Add", Type: "AWS::EC2::VPC"}, false, false},
	} {
		set := ChangeSet{Changes: []Change{{Action: "Add", Type: "AWS::EC2::VPC"}, test.change}}
		if set.Loses(Topic) != test.loses || set.MovesNetwork() != test.moves {
			t.Errorf("%s: loses its topic: %t, moves its network: %t", name, set.Loses(Topic), set.MovesNetwork())
		}
	}
}
