package blockserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// The protocol's numbers, by its names.
const (
	nbdMagic       = 0x4e42444d41474943
	iHaveOpt       = 0x49484156454f5054
	repMagic       = 0x3e889045565a9
	requestMagic   = 0x25609513
	replyMagic     = 0x67446698
	fixedNewstyle  = 1 << 0
	noZeroes       = 1 << 1
	optAbort       = 2
	optInfo        = 6
	optGo          = 7
	repAck         = 1
	repInfo        = 3
	repUnsupported = 1<<31 + 1
	infoExport     = 0
	infoBlockSize  = 3
	hasFlags       = 1 << 0
	readOnly       = 1 << 1
	cmdRead        = 0
	cmdDisconnect  = 2
	errPermission  = 1
	errIO          = 5
	errInvalid     = 22
	mostOption     = 64 << 10 // bytes of one option
	mostRead       = 2 << 20  // bytes of one read
	inFlight       = 64       // reads at once: they bound the memory that a machine can make us take
)

var errGone = errors.New("the client is gone")

// serve talks with one machine until it goes away.
func (s *Server) serve(l *life) error {
	if err := s.handshake(l.stream); err != nil {
		return fmt.Errorf("serve blocks: %w", err)
	}

	var running sync.WaitGroup
	defer running.Wait()
	defer l.loader.stop()
	free := make(chan struct{}, inFlight)
	for {
		var head struct {
			Magic       uint32
			Flags, Kind uint16
			Handle      uint64
			Offset      uint64
			Length      uint32
		}
		if err := binary.Read(l.stream, binary.BigEndian, &head); err != nil || head.Magic != requestMagic || head.Kind == cmdDisconnect {
			return errGone
		}

		code := uint32(0)
		switch {
		case head.Kind != cmdRead:
			code = errPermission // the export is read-only, so that a client sends nothing else
		case head.Length > mostRead || head.Offset > uint64(s.size) || uint64(head.Length) > uint64(s.size)-head.Offset:
			code = errInvalid
		}
		if code != 0 {
			if err := l.reply(head.Handle, code, nil); err != nil {
				return err
			}
			continue
		}

		free <- struct{}{}
		index := s.record(l, Read{At: time.Since(l.start), Offset: int64(head.Offset), Length: int64(head.Length)})
		running.Go(func() {
			s.read(l, head.Handle, index, int64(head.Offset), int64(head.Length))
			<-free
		})
	}
}

// read answers a read.
func (s *Server) read(l *life, handle uint64, index int, offset, length int64) {
	wait := l.loader.load(offset, length)
	data := make([]byte, length)
	code := uint32(0)
	if _, err := s.disk.ReadAt(data, offset); err != nil && !errors.Is(err, io.EOF) {
		code = errIO
		data = nil
	}
	s.answered(l, index, wait)
	_ = l.reply(handle, code, data) // a client that is gone needs no answer
}

func (l *life) reply(handle uint64, code uint32, data []byte) error {
	head := binary.BigEndian.AppendUint32(nil, replyMagic)
	head = binary.BigEndian.AppendUint32(head, code)
	head = binary.BigEndian.AppendUint64(head, handle)
	l.lock.Lock()
	defer l.lock.Unlock()
	if _, err := l.stream.Write(head); err != nil {
		return err
	}
	_, err := l.stream.Write(data)
	return err
}

// handshake agrees on the one export that there is, whatever its name.
func (s *Server) handshake(stream io.ReadWriter) error {
	hello := binary.BigEndian.AppendUint64(nil, nbdMagic)
	hello = binary.BigEndian.AppendUint64(hello, iHaveOpt)
	hello = binary.BigEndian.AppendUint16(hello, fixedNewstyle|noZeroes)
	if _, err := stream.Write(hello); err != nil {
		return err
	}

	var flags uint32
	if err := binary.Read(stream, binary.BigEndian, &flags); err != nil {
		return err
	}
	if flags&fixedNewstyle == 0 {
		return errors.New("the client is too old")
	}

	for {
		var option struct {
			Magic        uint64
			Kind, Length uint32
		}
		if err := binary.Read(stream, binary.BigEndian, &option); err != nil {
			return err
		}
		if option.Magic != iHaveOpt || option.Length > mostOption {
			return errors.New("the client does not speak NBD")
		}
		if _, err := io.CopyN(io.Discard, stream, int64(option.Length)); err != nil {
			return err
		}

		agreed, err := s.answer(stream, option.Kind)
		if err != nil || agreed {
			return err
		}
	}
}

// answer answers an option, and reports whether reads follow.
func (s *Server) answer(stream io.Writer, option uint32) (agreed bool, err error) {
	switch option {
	case optGo, optInfo:
		info := binary.BigEndian.AppendUint16(nil, infoExport)
		info = binary.BigEndian.AppendUint64(info, uint64(s.size))
		info = binary.BigEndian.AppendUint16(info, hasFlags|readOnly)
		sizes := binary.BigEndian.AppendUint16(nil, infoBlockSize)
		for _, bytes := range []uint32{1, 4096, mostRead} { // least, best, most
			sizes = binary.BigEndian.AppendUint32(sizes, bytes)
		}
		err := errors.Join(optionReply(stream, option, repInfo, info), optionReply(stream, option, repInfo, sizes), optionReply(stream, option, repAck, nil))
		return option == optGo, err
	case optAbort:
		return false, errors.Join(optionReply(stream, option, repAck, nil), errGone)
	}

	return false, optionReply(stream, option, repUnsupported, nil)
}

func optionReply(stream io.Writer, option, kind uint32, data []byte) error {
	reply := binary.BigEndian.AppendUint64(nil, repMagic)
	reply = binary.BigEndian.AppendUint32(reply, option)
	reply = binary.BigEndian.AppendUint32(reply, kind)
	reply = binary.BigEndian.AppendUint32(reply, uint32(len(data)))
	_, err := stream.Write(append(reply, data...))
	return err
}
