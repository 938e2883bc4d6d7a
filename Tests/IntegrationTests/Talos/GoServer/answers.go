// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

const messageLimit = 33 << 20

// rawCodec leaves messages as the bytes that they are; under this name it takes the place of protobuf's own.
type rawCodec struct{}

func (rawCodec) Name() string                          { return "proto" }
func (rawCodec) Marshal(v interface{}) ([]byte, error) { return *v.(*[]byte), nil }
func (rawCodec) Unmarshal(data []byte, v interface{}) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

// line is what is told of a call, at its begin and at its end.
type line struct {
	Event      string              `json:"event"`
	Method     string              `json:"method"`
	Script     string              `json:"script"`
	Metadata   map[string][]string `json:"metadata,omitempty"`
	Peer       string              `json:"peer,omitempty"`
	Connection string              `json:"connection,omitempty"`
	TLS        uint16              `json:"tls,omitempty"`
	// Milliseconds until the deadline.
	Deadline int64  `json:"deadline,omitempty"`
	Messages int    `json:"messages"`
	Bytes    int    `json:"bytes"`
	Digest   string `json:"digest,omitempty"`
	// Why the call's context ended, if it did before the answer.
	Context string `json:"context,omitempty"`
	Sent    int    `json:"sent"`
}

// field is the first bytes of a field, where there are any.
func field(message []byte, number protowire.Number) []byte {
	for len(message) > 0 {
		found, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			return nil
		}
		message = message[size:]
		if found == number && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message)
			return value
		}
		size = protowire.ConsumeFieldValue(found, kind, message)
		if size < 0 {
			return nil
		}
		message = message[size:]
	}
	return nil
}

// with adds a field of bytes to a message.
func with(message []byte, number protowire.Number, value []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(message, number, protowire.BytesType), value)
}

// payload is the part of a request that carries much.
func payload(method string, request []byte) []byte {
	if strings.HasSuffix(method, "/EtcdRecover") {
		return field(request, 2)
	}
	return field(request, 1)
}

// words are what a request of this method says: the field that our client lets a test fill.
func (s *server) words(method string, request []byte) string {
	switch {
	case strings.HasSuffix(method, "State/Get"):
		return string(field(request, 3))
	case strings.HasSuffix(method, "/Read"), strings.HasSuffix(method, "/ServiceRestart"):
		return string(field(request, 1))
	case strings.HasSuffix(method, "State/Watch"):
		return string(field(request, 3))
	case strings.HasSuffix(method, "/EtcdSnapshot"):
		return s.settings.snapshot
	default:
		return "ok"
	}
}

// reply is a message of this method, as large as is wanted.
func reply(method string, seen line, size int) []byte {
	switch {
	case strings.HasSuffix(method, "State/Get"):
		about := with(with(with(nil, 1, []byte("runtime")), 2, []byte("MachineStatuses.runtime.talos.dev")),
			3, []byte("machine"))
		about = with(with(about, 4, []byte("1")), 6, []byte("running"))
		yaml := []byte("stage: running\nstatus:\n  ready: true\n  unmetConditions: []\n")
		spec := with(with(nil, 1, make([]byte, size)), 2, yaml)
		return with(nil, 1, with(with(nil, 1, about), 2, spec))
	case strings.HasSuffix(method, "/ApplyConfiguration"):
		return with(nil, 1, with(nil, 4, []byte(seen.Digest)))
	case strings.HasSuffix(method, "/Read"), strings.HasSuffix(method, "/EtcdSnapshot"):
		return with(nil, 2, make([]byte, size))
	default:
		return with(nil, 1, nil)
	}
}

// receive reads all requests of a call; a unary one has one.
func receive(stream grpc.ServerStream, seen *line) (first []byte, err error) {
	hash := sha256.New()
	for {
		var message []byte
		if err = stream.RecvMsg(&message); err == io.EOF {
			seen.Digest = hex.EncodeToString(hash.Sum(nil))
			return first, nil
		} else if err != nil {
			return nil, err
		}
		if seen.Messages == 0 {
			first = message
		}
		seen.Messages++
		carried := payload(seen.Method, message)
		seen.Bytes += len(carried)
		hash.Write(carried)
	}
}

func (seen *line) note(stream grpc.ServerStream) {
	ctx := stream.Context()
	seen.Metadata, _ = metadata.FromIncomingContext(ctx)
	if deadline, ok := ctx.Deadline(); ok {
		seen.Deadline = time.Until(deadline).Milliseconds()
	}
	if from, ok := peer.FromContext(ctx); ok {
		seen.Connection = from.Addr.String()
		if info, ok := from.AuthInfo.(credentials.TLSInfo); ok {
			seen.TLS = info.State.Version
			if chain := info.State.PeerCertificates; len(chain) > 0 {
				seen.Peer = strings.Join(chain[0].Subject.Organization, ",")
			}
		}
	}
}

// answer does what the request says: VERB?count=N&size=BYTES&code=N&message=TEXT&details=1&header=1&pause=MS
//
// ok sends messages and then the status; hold waits before them for a release, wait for the end of the context.
func (s *server) answer(_ interface{}, stream grpc.ServerStream) error {
	seen := line{Event: "call"}
	seen.Method, _ = grpc.MethodFromServerStream(stream)
	seen.note(stream)
	s.lock.Lock()
	release := s.release
	s.lock.Unlock()
	request, err := receive(stream, &seen)
	if err != nil {
		return err
	}
	seen.Script = s.words(seen.Method, request)
	tell(seen)
	script, err := url.Parse(seen.Script)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	err = s.play(stream, script, release, &seen)
	end := line{Event: "end", Method: seen.Method, Script: seen.Script, Sent: seen.Sent}
	if stream.Context().Err() != nil {
		end.Context = stream.Context().Err().Error()
	}
	tell(end)
	return err
}

func (s *server) play(stream grpc.ServerStream, script *url.URL, release chan struct{}, seen *line) error {
	query := script.Query()
	number := func(name string, other int) int {
		if value, err := strconv.Atoi(query.Get(name)); err == nil {
			return value
		}
		return other
	}
	if query.Get("header") != "" {
		if err := stream.SendHeader(metadata.Pairs("talos-test", "yes", "blob-bin", "\x00\xff")); err != nil {
			return err
		}
	}
	switch script.Path {
	case "hold":
		select {
		case <-release:
		case <-stream.Context().Done():
		}
	case "wait":
		<-stream.Context().Done()
		return status.FromContextError(stream.Context().Err()).Err()
	}
	time.Sleep(time.Duration(number("pause", 0)) * time.Millisecond)
	code := codes.Code(number("code", 0))
	count := 1
	if code != codes.OK {
		count = 0
	}
	message := reply(seen.Method, *seen, number("size", 0))
	for count = number("count", count); seen.Sent < count; seen.Sent++ {
		if err := stream.SendMsg(&message); err != nil {
			// The client is gone, which the context tells next.
			<-stream.Context().Done()
			return err
		}
	}
	if code == codes.OK {
		return nil
	}
	failure := status.New(code, query.Get("message"))
	if query.Get("details") != "" {
		detailed, err := failure.WithDetails(&errdetails.DebugInfo{Detail: fmt.Sprint("detail of ", code)})
		if err != nil {
			return err
		}
		failure = detailed
	}
	return failure.Err()
}
