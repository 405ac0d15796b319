package awstest

import (
	"strings"
	"sync"
)

// SNS takes messages to topics, and keeps them.
type SNS struct {
	account

	mu       sync.Mutex
	topics   map[string]bool // by ARN
	messages map[string][]string
}

func newSNS(where account) *SNS {
	return &SNS{account: where, topics: map[string]bool{}, messages: map[string][]string{}}
}

// Model names the model.
func (s *SNS) Model() string { return "sns" }

// Operation returns what is served.
func (s *SNS) Operation(name string) func(Call) (Values, error) {
	if name == "Publish" {
		return s.publish
	}
	return nil
}

// AddTopic makes a topic and returns its ARN.
func (s *SNS) AddTopic(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.arn("sns", name)
	s.topics[arn] = true
	return arn
}

// Messages returns the messages that were sent to a topic, oldest first.
func (s *SNS) Messages(topic string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.messages[topic]...)
}

// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func (s *SNS) publish(call Call) (Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	topic := textOf(call.In, "TopicArn")
	message := textOf(call.In, "Message")
	switch {
	case !strings.HasPrefix(topic, "arn:aws:sns:"):
		return nil, Fault{Code: "InvalidParameter", Message: "Invalid parameter: TopicArn", Status: 400}
	case !s.topics[topic]:
		return nil, Fault{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	case message == "":
		return nil, Fault{Code: "InvalidParameter", Message: "Invalid parameter: Empty message", Status: 400}
	}
	s.messages[topic] = append(s.messages[topic], message)
	return Values{"MessageId": uuidOf("", topic+message)}, nil
}
