package aws

import "github.com/aws/aws-sdk-go-v2/aws"

// eachPage asks for one page after another; ask returns the token of the next one, if there is one.
//
// For EC2, whose client the SDK's own paginators would take as an interface, after which the linker keeps all of it.
func eachPage(ask func(token *string) (next *string, err error)) error {
	token := (*string)(nil)
	for {
		next, err := ask(token)
		if err != nil || aws.ToString(next) == "" {
			return err
		}
		token = next
	}
}
