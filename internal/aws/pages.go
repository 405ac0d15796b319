package aws

import "github.com/aws/aws-sdk-go-v2/aws"

// eachPage calls ask for each page; ask returns the next page's token, or nil after the last.
//
// It is for EC2: the SDK's own paginators take the client as an interface, so the linker would keep all of it.
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
