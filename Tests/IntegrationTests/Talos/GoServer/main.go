// SPDX-License-Identifier: Apache-2.0

// A gRPC server of grpc-go, as Talos has one, that answers as each request's own words tell it, and prints what it saw.
//
// The first line on standard output is {"event":"start","port":...,"fingerprint":...}; each call is a line "call" when
// its request is there and a line "end" when it is over, and a connection's end a line "closed". Lines on standard input
// steer the server:
//
//	release   ends every call that holds        refuse    closes the port and, when all calls have ended, the server
//	restart   like refuse, but a new server, with a new certificate, listens on the same port at once
//	kill      breaks all connections; nothing listens any more
//
// It ends when its standard input does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/stats"
)

type settings struct {
	crt, key      string
	address       string
	expired       bool
	oldTLS        bool
	streams       uint
	compress      bool
	snapshot      string
	age, idle     time.Duration
	ping, pingFor time.Duration
}

// server is what listens now, and what all of them share.
type server struct {
	settings settings
	port     int
	current  *grpc.Server
	release  chan struct{}
	lock     sync.Mutex
}

var output sync.Mutex

// tell prints one line.
func tell(line interface{}) {
	output.Lock()
	defer output.Unlock()
	if err := json.NewEncoder(os.Stdout).Encode(line); err != nil {
		os.Exit(1)
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// watcher tells when connections are gone.
type watcher struct{}

func (watcher) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (watcher) HandleRPC(context.Context, stats.RPCStats)                         {}
func (watcher) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watcher) HandleConn(_ context.Context, event stats.ConnStats) {
	if _, ended := event.(*stats.ConnEnd); ended {
		tell(map[string]string{"event": "closed"})
	}
}

// options makes a server strict about pings: of a client that sends any of its own it ends the connection.
func (s *server) options(tls credentials.TransportCredentials) []grpc.ServerOption {
	options := []grpc.ServerOption{
		grpc.Creds(tls),
		grpc.UnknownServiceHandler(s.answer), grpc.StatsHandler(watcher{}),
		grpc.MaxRecvMsgSize(messageLimit), grpc.MaxSendMsgSize(2 * messageLimit),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: time.Hour}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: s.settings.age, MaxConnectionIdle: s.settings.idle,
			Time: s.settings.ping, Timeout: s.settings.pingFor,
		}),
	}
	if s.settings.streams > 0 {
		options = append(options, grpc.MaxConcurrentStreams(uint32(s.settings.streams)))
	}
	if s.settings.compress {
		// Without regard to what the client takes: the old way, which is in use still.
		options = append(options, grpc.RPCCompressor(grpc.NewGZIPCompressor()))
	}
	return options
}

// start listens on the port of before, or on any.
func (s *server) start() {
	tls, fingerprint, err := serverTLS(s.settings)
	must(err)
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
	must(err)
	s.port = listener.Addr().(*net.TCPAddr).Port
	current := grpc.NewServer(s.options(credentials.NewTLS(tls))...)
	s.current = current
	go func() { must(current.Serve(listener)) }()
	tell(map[string]interface{}{"event": "start", "port": s.port, "fingerprint": fingerprint})
}

// refuse sends GOAWAY and closes the port; calls under way go on.
func (s *server) refuse() {
	old := s.current
	go func() {
		old.GracefulStop()
		tell(map[string]string{"event": "drained"})
	}()
	for {
		// The port is closed by that, at some time.
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			listener.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	tell(map[string]string{"event": "refusing"})
}

func (s *server) obey(command string) {
	switch command {
	case "release":
		s.lock.Lock()
		close(s.release)
		s.release = make(chan struct{})
		s.lock.Unlock()
	case "refuse":
		s.refuse()
	case "restart":
		s.refuse()
		s.start()
	case "kill":
		s.current.Stop()
		tell(map[string]string{"event": "killed"})
	default:
		must(fmt.Errorf("unknown command %q", command))
	}
}

func main() {
	s := &server{release: make(chan struct{})}
	flag.StringVar(&s.settings.crt, "crt", "", "authority's certificate; without one nobody has signed the server's")
	flag.StringVar(&s.settings.key, "key", "", "authority's key")
	flag.StringVar(&s.settings.address, "address", "127.0.0.1", "address that the certificate names")
	flag.BoolVar(&s.settings.expired, "expired", false, "the certificate has expired")
	flag.BoolVar(&s.settings.oldTLS, "old-tls", false, "TLS 1.2 at most, instead of 1.3 at least")
	flag.UintVar(&s.settings.streams, "streams", 0, "calls at a time on a connection")
	flag.BoolVar(&s.settings.compress, "compress", false, "compress every reply")
	flag.DurationVar(&s.settings.age, "age", 0, "age at which a connection gets GOAWAY")
	flag.DurationVar(&s.settings.idle, "idle", 0, "idleness at which a connection gets GOAWAY")
	flag.DurationVar(&s.settings.ping, "ping", 0, "silence after which the client is sent a ping")
	flag.DurationVar(&s.settings.pingFor, "ping-timeout", 0, "how long it may take to answer")
	flag.StringVar(&s.settings.snapshot, "snapshot", "ok", "what a call for a snapshot says")
	flag.Parse()
	encoding.RegisterCodec(rawCodec{})
	s.start()
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		s.obey(lines.Text())
	}
}
