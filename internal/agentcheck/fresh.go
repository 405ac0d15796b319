package agentcheck

import (
	"io/fs"
	"path"
	"strings"
)

func bootStatus(t tree) []Finding {
	const file = "var/log/elastic-stack-bootstrap-status"
	if !t.has(file) {
		return nil
	}
	return finding("/"+file+" is left of an instance's life: the boot script takes the instance for configured, and ends", "rm /"+file)
}

func machineID(t tree) []Finding {
	if id := strings.TrimSpace(t.text("etc/machine-id")); id != "" && id != "uninitialized" {
		return finding("/etc/machine-id is that of another machine: all instances share one identity, and DHCP may give them one address", "echo uninitialized >/etc/machine-id")
	}
	const dbus = "var/lib/dbus/machine-id"
	if info, err := fs.Lstat(t, dbus); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
		return finding("/"+dbus+" is that of another machine", "rm /"+dbus)
	}
	return nil
}

func hostKeys(t tree) []Finding {
	for _, entry := range t.names("etc/ssh") {
		if strings.HasPrefix(entry.Name(), "ssh_host_") && strings.HasSuffix(entry.Name(), "_key") {
			return finding("/etc/ssh/"+entry.Name()+" is in the image: anyone who has the image can pose as any of its instances", "rm /etc/ssh/ssh_host_*")
		}
	}
	return nil
}

func cloudInit(t tree) []Finding {
	for _, entry := range t.names("var/lib/cloud/instances") {
		return finding("cloud-init has run: /var/lib/cloud/instances/"+entry.Name()+" is left, and parts of the user data may not run again", "cloud-init clean --logs")
	}
	return nil
}

// homes lists the home directories of people and of the agent.
func (t tree) homes() []string {
	homes := []string{"root", agentHome}
	for _, entry := range t.names("home") {
		homes = append(homes, path.Join("home", entry.Name()))
	}
	return homes
}

func history(t tree) []Finding {
	for _, home := range t.homes() {
		for _, name := range []string{".bash_history", ".python_history", ".lesshst", ".viminfo"} {
			if file := path.Join(home, name); t.text(file) != "" {
				return finding("/"+file+" holds what somebody typed", "rm /"+file)
			}
		}
	}
	return nil
}

func authorizedKeys(t tree) []Finding {
	for _, home := range t.homes() {
		if file := path.Join(home, ".ssh/authorized_keys"); strings.TrimSpace(t.text(file)) != "" {
			return finding("/"+file+" lets the holder of a key log in to every instance", "rm /"+file+"; a stack gets its keys from AuthorizedUsersUrl")
		}
	}
	return nil
}

func credentials(t tree) []Finding {
	var found []Finding
	add := func(file string) {
		found = append(found, Finding{Text: "/" + file + " holds credentials: everyone who can launch the image has them", Hint: "remove it at the end of the script, or give it to the bake with secrets:"})
	}

	if len(t.names("tmp/secrets")) > 0 {
		add("tmp/secrets")
	}

	for _, home := range t.homes() {
		for _, name := range []string{".aws/credentials", ".git-credentials", ".netrc", ".ssh/id_rsa", ".ssh/id_ed25519", ".ssh/id_ecdsa", ".npmrc"} {
			file := path.Join(home, name)
			text := t.text(file)
			if strings.TrimSpace(text) != "" && (name != ".npmrc" || strings.Contains(text, "_authToken")) {
				add(file)
			}
		}
		if file := path.Join(home, ".docker/config.json"); strings.Contains(t.text(file), `"auth":`) {
			add(file)
		}
	}

	return found
}
