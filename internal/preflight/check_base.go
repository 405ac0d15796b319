package preflight

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"image-builder/internal/image"
)

// base looks up the AMI that the base parameter names, and checks what depends on it.
func (c *Checks) base(ctx context.Context, q asked) answer {
	name := q.value("BaseAmiParameter")
	resolve := "image-builder base resolve --write " + name + " puts Buildkite's AMI into it"

	parameter, err := c.Parameters.Read(ctx, name)
	if err != nil {
		result := unmade("base parameter", err, Result{Status: Failed, Text: fmt.Sprintf("there is no parameter %s in %s", name, q.who.Region), Hint: resolve})
		return c.withoutBase(ctx, q, result)
	}
	if parameter.Type != "String" {
		return c.withoutBase(ctx, q, Result{"base parameter", Failed, fmt.Sprintf("%s is a %s; Image Builder reads a String", name, parameter.Type), "delete it and create it again, or name another: " + resolve})
	}
	if !image.IsAMI(parameter.Value) {
		return c.withoutBase(ctx, q, Result{"base parameter", Failed, fmt.Sprintf("%s holds %s, which is not an AMI's ID", name, short(parameter.Value)), resolve})
	}

	ok := Result{Name: "base parameter", Status: OK, Text: fmt.Sprintf("%s holds %s", name, parameter.Value)}
	ami, err := c.Images.AMI(ctx, parameter.Value)
	if err != nil {
		return c.withoutBase(ctx, q, ok, unmade("base AMI", err, Result{
			Status: Failed, Text: fmt.Sprintf("%s is not in %s, or is not shared with account %s", parameter.Value, q.who.Region, q.who.Account), Hint: resolve,
		}))
	}

	a := answer{results: append([]Result{ok, c.judge(ami, q, resolve)}, c.instanceTypes(ctx, q, &ami)...)}
	volume, device := rootVolume(ami, q)
	a.results = append(a.results, volume)

	if device != "" {
		a.learnt = map[string]string{"RootDeviceName": device}
	}

	a.results = append(a.results, c.space(ctx, q, ami)...)

	return a
}

// withoutBase is the answer if the base AMI is unknown.
func (c *Checks) withoutBase(ctx context.Context, q asked, results ...Result) answer {
	results = append(results, c.instanceTypes(ctx, q, nil)...)
	if needsDevice(q) && q.value("RootDeviceName") == "" {
		results = append(results, Result{
			"root volume", Failed, "its device is learnt from the base AMI, which is not known", "give it: --root-device-name /dev/xvda (Amazon Linux) or /dev/sda1 (Ubuntu)",
		})
	}
	return answer{results: results}
}

// judge says whether an AMI can be a base.
func (c *Checks) judge(ami image.AMI, q asked, next string) Result {
	owner := "of account " + ami.Owner

	switch ami.Owner {
	case image.Buildkite:
		owner = "Buildkite's"
	case q.who.Account:
		owner = "of this account"
	}

	r := Result{Name: "base AMI", Status: OK, Text: fmt.Sprintf("%s (%s), %s, %s, root volume of %d GiB", ami.ID, ami.Name, owner, ami.Arch, ami.RootSize)}
	switch {
	case ami.State != "available":
		r.Status = Failed
		r.Text = fmt.Sprintf("%s is not available but %s", ami.ID, ami.State)
		r.Hint = next
	case ami.Windows:
		r.Status = Failed
		r.Text = ami.ID + " is a Windows AMI; the stack's documents are for Linux"
		r.Hint = next

	case !ami.Deprecated.IsZero() && ami.Deprecated.Before(c.Now()):
		r.Status = Warning
		r.Hint = next
		r.Text += fmt.Sprintf("; deprecated since %s", ami.Deprecated.Format("2006-01-02"))
	}

	return r
}

// needsDevice reports whether the template needs the root device: its rule RootVolume.
func needsDevice(q asked) bool {
	return q.value("RootVolumeSize") != "0" || q.value("ImageKeyArn") != ""
}

// rootVolume compares size and device with the AMI's. It returns the device if it comes from the AMI.
func rootVolume(ami image.AMI, q asked) (r Result, device string) {
	size := q.value("RootVolumeSize")
	device = q.value("RootDeviceName")
	r = Result{Name: "root volume", Status: OK, Text: fmt.Sprintf("as the base AMI has it, %d GiB", ami.RootSize)}

	if gib, _ := strconv.ParseInt(size, 10, 64); gib != 0 {
		r.Text = fmt.Sprintf("%d GiB, the base AMI has %d", gib, ami.RootSize)
		if gib < ami.RootSize {
			r.Status = Failed
			r.Text = fmt.Sprintf("%d GiB are less than the base AMI's %d", gib, ami.RootSize)
			r.Hint = fmt.Sprintf("write disk: %dGiB or more, or leave it out", ami.RootSize)
		}
	}

	if device == ami.RootDevice || (device == "" && !needsDevice(q)) {
		return r, ""
	}
	allowed := q.wanted.template.parameters["RootDeviceName"].values
	switch {
	case q.given("RootDeviceName") && device != "":
		r.Status = Failed
		r.Text = fmt.Sprintf("%s is not the base AMI's root device, %s: the AMI would get a second volume", device, ami.RootDevice)
		r.Hint = "leave --root-device-name out: it is learnt from the AMI"
		return r, ""
	case !slices.Contains(allowed, ami.RootDevice):
		r.Status = Failed
		r.Text = fmt.Sprintf("the base AMI's root device is %s, and the stack knows %s only", ami.RootDevice, alternatives(allowed[1:]))
		r.Hint = "take another base AMI, or leave disk and --image-key-arn out"
		return r, ""
	}

	if r.Status == OK {
		r.Text += ", at " + ami.RootDevice
	}

	return r, ami.RootDevice
}
