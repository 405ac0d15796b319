package awstest

// STS knows who asks.
type STS struct{}

// Model is sts.
func (*STS) Model() string { return "sts" }

// Operation knows GetCallerIdentity.
// https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
func (*STS) Operation(name string) func(Call) (Values, error) {
	if name != "GetCallerIdentity" {
		return nil
	}
	return func(c Call) (Values, error) {
		return Values{"Account": c.Account, "Arn": "arn:aws:iam::" + c.Account + ":user/deployer", "UserId": "AIDACKCEVSQ6C2EXAMPLE"}, nil
	}
}
