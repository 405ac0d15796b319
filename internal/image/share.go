package image

import "regexp"

// The forms of what an AMI is shared with and announced to, and where it is.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/share-amis-with-organizations-and-OUs.html
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsns.html
var (
	accountNumber = regexp.MustCompile(`^[0-9]{12}$`)
	unitARN       = regexp.MustCompile(`^arn:aws[a-z-]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}$`)
	topicARN      = regexp.MustCompile(`^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$`)
	regionName    = regexp.MustCompile(`^[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}$`)
)

// IsAccount reports whether a text has the form of an account's number.
func IsAccount(text string) bool { return accountNumber.MatchString(text) }

// IsUnit reports whether a text has the form of an organizational unit's ARN.
func IsUnit(text string) bool { return unitARN.MatchString(text) }

// IsTopic reports whether a text has the form of an SNS topic's ARN.
func IsTopic(text string) bool { return topicARN.MatchString(text) }

// IsRegion reports whether a text has the form of a region's name: eu-central-1.
func IsRegion(text string) bool { return regionName.MatchString(text) }
