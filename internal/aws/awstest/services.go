package awstest

// Services are the services of a Cloud, but for S3.
type Services struct {
	STS *STS
}

// newServices makes the services of an account; each may call the others by cloud.Do.
func newServices(_ *Cloud) Services {
	return Services{
		STS: &STS{},
	}
}

// list returns the services that are served.
func (s Services) list() []Service {
	return []Service{s.STS}
}
