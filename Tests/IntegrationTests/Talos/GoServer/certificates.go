// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"
)

// block is the first PEM block of a file.
func block(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found, _ := pem.Decode(text)
	if found == nil {
		return nil, fmt.Errorf("%s: no PEM", path)
	}
	return found.Bytes, nil
}

// authority is what signs the server's certificate and the clients'.
func authority(s settings) (*x509.Certificate, interface{}, error) {
	crt, err := block(s.crt)
	if err != nil {
		return nil, nil, err
	}
	key, err := block(s.key)
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(crt)
	if err != nil {
		return nil, nil, err
	}
	signer, err := x509.ParsePKCS8PrivateKey(key)
	return certificate, signer, err
}

// serverTLS is as Talos has it: Ed25519, and clients are known by certificates of the same authority; in maintenance
// mode nobody has signed the server's and nobody is asked for one.
func serverTLS(s settings) (*tls.Config, string, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, "", err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "node"},
		NotBefore: now.Add(-48 * time.Hour), NotAfter: now.Add(24 * time.Hour),
		IPAddresses: []net.IP{net.ParseIP(s.address)},
		KeyUsage:    x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if s.expired {
		template.NotAfter = now.Add(-24 * time.Hour)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS13}
	if s.oldTLS {
		config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	}
	parent, signer := template, interface{}(private)
	if s.crt != "" {
		if parent, signer, err = authority(s); err != nil {
			return nil, "", err
		}
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(parent)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, "", err
	}
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}
	key, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, "", err
	}
	digest := sha256.Sum256(key)
	return config, base64.StdEncoding.EncodeToString(digest[:]), nil
}
