package aws

import (
	"errors"
	"io/fs"
	"testing"

	"github.com/aws/smithy-go"
)

func TestWhatEC2DoesNotHave(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code, message string
		absent        bool
	}{
		{"InvalidAMIID.NotFound", "The image id '[ami-0a]' does not exist", true},
		{"InvalidAMIID.Unavailable", "The image ID 'ami-0a' is no longer available", true},
		{"InvalidSubnetID.NotFound", "The subnet ID 'subnet-0a' does not exist", true},
		{"InvalidInstanceType", "The following supplied instance types do not exist: [t9.large]", true},
		{"AuthFailure", "Not authorized for images: [ami-0123456789abcdef0]", true},
		{"AuthFailure", "AWS was not able to validate the provided access credentials", false},
		{"UnauthorizedOperation", "You are not authorized to perform this operation.", false},
		{"RequestLimitExceeded", "Request limit exceeded.", false},
	} {
		err := (&EC2{Session: &Session{}}).explain(t.Context(), "look", &smithy.GenericAPIError{Code: test.code, Message: test.message})
		if errors.Is(err, fs.ErrNotExist) != test.absent {
			t.Errorf("%s: %s: absent is %t", test.code, test.message, !test.absent)
		}
	}
}
