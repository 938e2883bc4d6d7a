// SPDX-License-Identifier: Apache-2.0

extension SchemaText {
    /// The documents that have a kind, but for those of links.
    ///
    /// `kind` and `apiVersion` stand first in each, then `name` in those that are `named`.
    static let documents = """
        SideroLinkConfig 1.5+
          apiUrl       string  always secret url
          uniqueToken  string  secret 1.10+
        EventSinkConfig 1.5+
          endpoint  string  always
        KmsgLogConfig 1.5+ named
          url  string  always url
        NetworkDefaultActionConfig 1.6+
          ingress  string  always zero=accept
        NetworkRuleConfig 1.6+ named
          portSelector  portSelector   always value
          ingress       [ingressRule]  always replace
        portSelector
          ports     [portRange]  always replace
          protocol  string       always
        ingressRule
          subnet  string  always
          except  string
        ExtensionServiceConfig 1.7+ named
          configFiles  [configFile]  by mountPath
          environment  [string]      secret
        configFile
          content    string  always secret
          mountPath  string  always
        WatchdogTimerConfig 1.7+
          device   string    always
          timeout  duration
        KubeSpanEndpointsConfig 1.8+
          extraAnnouncedEndpoints  [string]  always
        TrustedRootsConfig 1.8+ named
          certificates  string  always
        VolumeConfig 1.8+ named
          provisioning  provisioning      value
          encryption    volumeEncryption  value 1.11+
          mount         secureMount       value 1.13+
        provisioning
          diskSelector  diskMatch  value
          grow          bool*
          minSize       string
          maxSize       string
        diskMatch
          match  string
        secureMount
          secure  bool*
        volumeEncryption
          provider   string       always
          keys       [volumeKey]  always
          cipher     string
          keySize    uint64
          blockSize  uint64
          options    [string]
        volumeKey
          slot         int        always
          static       staticKey
          nodeID       empty
          kms          kms
          tpm          volumeTPM
          lockToState  bool*
        volumeTPM
          options                        tpmOptions  1.11+
          checkSecurebootStatusOnEnroll  bool*
        tpmOptions
          pcrs  [int]*
        PCIDriverRebindConfig 1.10+ named
          targetDriver  string  always
        UserVolumeConfig 1.10+ named
          volumeType    string*           1.11+
          provisioning  provisioning      value
          filesystem    filesystem        value
          encryption    volumeEncryption  value
          mount         userMount         value 1.13+
        filesystem
          type                 string
          projectQuotaSupport  bool*
        userMount
          disableAccessTime  bool*
          secure             bool*
        RawVolumeConfig 1.11+ named
          provisioning  provisioning      value
          encryption    volumeEncryption  value
        ExistingVolumeConfig 1.11+ named
          discovery  volumeDiscovery  value
          mount      existingMount    value
        volumeDiscovery
          volumeSelector  diskMatch  value
        existingMount
          readOnly           bool*
          disableAccessTime  bool*  1.13+
          secure             bool*  1.13+
        SwapVolumeConfig 1.11+ named
          provisioning  provisioning      value
          encryption    volumeEncryption  value
        ZswapConfig 1.11+
          maxPoolPercent   int*
          shrinkerEnabled  bool*
        ExternalVolumeConfig 1.13+ named
          filesystemType  string         always
          mount           externalMount  value
        externalMount
          readOnly           bool*
          disableAccessTime  bool*
          secure             bool*
          virtiofs           virtiofs
        virtiofs
          tag  string  always
        RegistryMirrorConfig 1.12+ named
          endpoints     [registryEndpoint]
          skipFallback  bool*
        registryEndpoint
          url           string  always
          overridePath  bool*
        RegistryAuthConfig 1.12+ named
          username       string
          password       string  secret
          auth           string  secret
          identityToken  string  secret
        RegistryTLSConfig 1.12+ named
          clientIdentity      clientIdentity
          ca                  string
          insecureSkipVerify  bool*
        clientIdentity
          cert  string
          key   string  secret
        HostnameConfig 1.12+
          auto      string*
          hostname  string
        ResolverConfig 1.12+
          nameservers    [nameserver]
          searchDomains  searchDomains  value
        nameserver
          address  string  always
        searchDomains
          domains         [string]*
          disableDefault  bool*
        StaticHostConfig 1.12+ named
          hostnames  [string]
        TimeSyncConfig 1.12+
          enabled      bool*
          bootTimeout  duration
          ntp          ntp
          ptp          ptp
        ntp
          servers  [string]
        ptp
          devices  [string]
        OOMConfig 1.12+
          triggerExpression          string
          cgroupRankingExpression    string
          strictCgroupClassOrdering  bool*
          sampleInterval             duration
        EnvironmentConfig 1.13+
          variables  {string}  always secret
        ImageVerificationConfig 1.13+
          rules  [imageRule]  by image
        imageRule replaced
          image      string
          skip       bool*
          deny       bool*
          keyless    keyless
          publicKey  publicKey
        keyless
          issuer        string
          subject       string
          subjectRegex  string
          rekorURL      string
        publicKey
          certificate  string
        """
}
