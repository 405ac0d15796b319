// Package sns is a test server's SNS: it takes messages to topics and keeps them for the test. It delivers none.
package sns

import (
	"strings"
	"sync"

	"image-builder/internal/testbed/wire"
)

// Service takes messages to topics, and keeps them.
type Service struct {
	wire.Home

	mu       sync.Mutex
	topics   map[string]bool // by ARN
	messages map[string][]string
}

// New makes an SNS without topics.
func New(where wire.Home) *Service {
	return &Service{Home: where, topics: map[string]bool{}, messages: map[string][]string{}}
}

// Model names the model.
func (s *Service) Model() string { return "sns" }

// Operation returns what is served.
func (s *Service) Operation(name string) func(wire.Call) (wire.Values, error) {
	if name == "Publish" {
		return s.publish
	}
	return nil
}

// AddTopic makes a topic and returns its ARN.
func (s *Service) AddTopic(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	arn := s.ARN("sns", name)
	s.topics[arn] = true
	return arn
}

// Messages returns the messages that were sent to a topic, oldest first.
func (s *Service) Messages(topic string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.messages[topic]...)
}

// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
func (s *Service) publish(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	topic := wire.Text(call.In, "TopicArn")

	message := wire.Text(call.In, "Message")
	switch {
	case !strings.HasPrefix(topic, "arn:aws:sns:"):
		return nil, wire.Fault{Code: "InvalidParameter", Message: "Invalid parameter: TopicArn", Status: 400}
	case !s.topics[topic]:
		return nil, wire.Fault{Code: "NotFound", Message: "Topic does not exist", Status: 404}
	case message == "":
		return nil, wire.Fault{Code: "InvalidParameter", Message: "Invalid parameter: Empty message", Status: 400}
	}

	s.messages[topic] = append(s.messages[topic], message)
	return wire.Values{"MessageId": wire.UUID("", topic+message)}, nil
}
