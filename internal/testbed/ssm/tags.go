package ssm

import (
	"maps"

	"image-builder/internal/testbed/wire"
)

// tagged returns the tags of the parameter that a call names.
func (s *Service) tagged(call wire.Call) (map[string]string, error) {
	entry := s.parameters[wire.Text(call.In, "ResourceId")]
	if wire.Text(call.In, "ResourceType") != "Parameter" || entry == nil {
		return nil, wire.Fault{Code: "InvalidResourceId", Message: "The resource ID is not valid."}
	}
	if entry.tags == nil {
		entry.tags = map[string]string{}
	}
	return entry.tags, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListTagsForResource.html
func (s *Service) listTags(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(call)
	if err != nil {
		return nil, err
	}
	return wire.Values{"TagList": wire.Tags(tags)}, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_AddTagsToResource.html
func (s *Service) addTags(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(call)
	if err != nil {
		return nil, err
	}
	maps.Copy(tags, tagsIn(call))
	return wire.Values{}, nil
}

// https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_RemoveTagsFromResource.html
func (s *Service) removeTags(call wire.Call) (wire.Values, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tags, err := s.tagged(call)
	if err != nil {
		return nil, err
	}
	for _, key := range wire.List[string](call.In, "TagKeys") {
		delete(tags, key)
	}
	return wire.Values{}, nil
}

func tagsIn(call wire.Call) map[string]string {
	tags := map[string]string{}
	for _, tag := range wire.List[wire.Values](call.In, "Tags") {
		tags[wire.Text(tag, "Key")] = wire.Text(tag, "Value")
	}
	return tags
}
