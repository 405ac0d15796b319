package qemu

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"sync"
)

// monitor gives QEMU commands while it runs. https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html
type monitor struct {
	lock   sync.Mutex
	stream net.Conn
	ports  int // that were added
}

// newMonitor talks to QEMU over its QMP stream, whose answers are read and not looked at: what a command achieves shows
// in the machine.
func newMonitor(stream net.Conn) *monitor {
	go func() {
		lines := bufio.NewScanner(stream)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			continue // QEMU waits for a reader
		}
	}()
	return &monitor{stream: stream}
}

func (m *monitor) command(name string, arguments map[string]any) error {
	text, err := json.Marshal(map[string]any{"execute": name, "arguments": arguments})
	if err != nil {
		return err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	if _, err := m.stream.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("tell QEMU to %s: %w", name, err)
	}
	return nil
}

// wake adds a virtio-serial port. The guest's device manager looks for new rules then.
func (m *monitor) wake() error {
	m.ports++
	return m.command("device_add", map[string]any{
		"driver": "virtserialport", "bus": "ports.0", "id": "wake" + strconv.Itoa(m.ports), "name": "wake." + strconv.Itoa(m.ports),
	})
}

// onRestart says what happens when the guest restarts: reset or shutdown.
func (m *monitor) onRestart(action string) error {
	return m.command("set-action", map[string]any{"reboot": action})
}
