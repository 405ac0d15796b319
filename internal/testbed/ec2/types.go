package ec2

import (
	"slices"
	"strings"

	"image-builder/internal/testbed/wire"
)

type instanceType struct {
	name          string
	architectures []string
}

// instanceTypes lists types of the families in use, in the usual sizes, by architecture.
func instanceTypes() []instanceType {
	families := map[string]string{
		"x86_64": "t3 t3a m4 m5 m5a m5d m5n m6i m6id m6a m7i m7i-flex m7a m8i c4 c5 c5a c5d c5n c6i c6a c7i c7a c8i r5 r5a r6i r6a r7i r7a i3 i4i g4dn g5 g6",
		"arm64":  "a1 t4g m6g m6gd m7g m7gd m8g c6g c6gd c7g c7gd c7gn c8g r6g r7g r8g i4g i8g g5g x2gd",
	}

	var all []instanceType
	for architecture, names := range families {
		for family := range strings.FieldsSeq(names) {
			for _, size := range []string{"nano", "micro", "small", "medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge"} {
				burstable := strings.HasPrefix(family, "t")
				if small := size == "nano" || size == "micro" || size == "small"; (small && !burstable) || (burstable && strings.HasSuffix(size, "8xlarge")) {
					continue
				}
				all = append(all, instanceType{family + "." + size, []string{architecture}})
			}
		}
	}

	for _, size := range []string{"nano", "micro", "small", "medium"} {
		all = append(all, instanceType{"t2." + size, []string{"i386", "x86_64"}})
	}

	all = append(all, instanceType{"t2.large", []string{"x86_64"}}, instanceType{"t2.xlarge", []string{"x86_64"}})
	slices.SortFunc(all, func(a, b instanceType) int { return strings.Compare(a.name, b.name) })
	return all
}

var typeFilters = filters[instanceType]{
	"instance-type":                         func(t instanceType) []string { return []string{t.name} },
	"processor-info.supported-architecture": func(t instanceType) []string { return t.architectures },
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html
func (e *Service) describeInstanceTypes(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	types := e.types

	if wanted := wire.List[string](call.In, "InstanceTypes"); len(wanted) > 0 {
		var missing []string
		for _, name := range wanted {
			if _, ok := e.typeNamed(name); !ok {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return nil, e.refuse("InvalidInstanceType", "The following supplied instance types do not exist: [%s]", strings.Join(missing, ", "))
		}
		types = slices.DeleteFunc(slices.Clone(types), func(t instanceType) bool { return !slices.Contains(wanted, t.name) })
	}

	types, err := ec2Filter(e, call.In, types, typeFilters)
	if err != nil {
		return nil, err
	}

	if _, limited := call.In["MaxResults"]; !limited {
		call.In = wire.With(call.In, "MaxResults", min(int64(100), max(1, int64(len(types)))))
		call.In = wire.With(call.In, "InstanceTypes", []any{})
	}

	return ec2Page(e, call, "InstanceTypes", "InstanceTypes", types, encodeType)
}

func encodeType(t instanceType) wire.Values {
	return wire.Values{
		"InstanceType": t.name, "CurrentGeneration": !strings.HasPrefix(t.name, "t2."), "BareMetal": strings.Contains(t.name, "metal"),
		"ProcessorInfo":            wire.Values{"SupportedArchitectures": wire.Any(t.architectures)},
		"SupportedRootDeviceTypes": []any{"ebs"}, "SupportedVirtualizationTypes": []any{"hvm"},
	}
}

func (e *Service) typeNamed(name string) (instanceType, bool) {
	i := slices.IndexFunc(e.types, func(t instanceType) bool { return t.name == name })
	if i < 0 {
		return instanceType{}, false
	}
	return e.types[i], true
}

// Launchable says, in EC2's words, why an instance of a type cannot launch from an AMI with a root volume of this
// many GiB (0: the AMI's size); nil if it can.
func (e *Service) Launchable(ami AMI, typeName string, size int64) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	kind, ok := e.typeNamed(typeName)
	switch {
	case !ok:
		return e.refuse("InvalidParameterValue", "Invalid value '%s' for InstanceType.", typeName)
	case ami.State != "available":
		return e.refuse("InvalidAMIID.Unavailable", "The image ID '%s' is not available", ami.ID)
	case !slices.Contains(kind.architectures, ami.Architecture):
		return e.refuse("InvalidParameterValue", "The architecture '%s' of the specified instance type does not match the architecture '%s' of the specified AMI. "+
			"Specify an instance type and an AMI that have matching architectures, and try again.", strings.Join(kind.architectures, ","), ami.Architecture)
	case size != 0 && size < ami.RootSize:
		return e.refuse("InvalidBlockDeviceMapping", "Volume of size %dGB is smaller than snapshot '%s', expect size >= %dGB",
			size, strings.Replace(ami.ID, "ami-", "snap-", 1), ami.RootSize)
	}

	return nil
}

// offering is an instance type in an Availability Zone.
type offering struct{ name, zone string }

// Withhold says that a type is not offered in a zone. Every type is in all others.
func (e *Service) Withhold(typeName, zone string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.withheld = append(e.withheld, offering{typeName, zone})
}

// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypeOfferings.html
func (e *Service) describeInstanceTypeOfferings(call wire.Call) (wire.Values, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if wire.Text(call.In, "LocationType") != "availability-zone" {
		return nil, e.refuse("InvalidParameterValue", "this server knows the location type availability-zone only")
	}

	var all []offering
	for _, t := range e.types {
		for _, zone := range []string{"a", "b", "c"} {
			one := offering{t.name, e.Region + zone}
			if !slices.Contains(e.withheld, one) {
				all = append(all, one)
			}
		}
	}

	all, err := ec2Filter(e, call.In, all, filters[offering]{
		"instance-type": func(o offering) []string { return []string{o.name} },
		"location":      func(o offering) []string { return []string{o.zone} },
	})
	if err != nil {
		return nil, err
	}

	return ec2Page(e, call, "InstanceTypes", "InstanceTypeOfferings", all, func(o offering) wire.Values {
		return wire.Values{"InstanceType": o.name, "LocationType": "availability-zone", "Location": o.zone}
	})
}
