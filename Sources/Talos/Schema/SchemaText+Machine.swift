// SPDX-License-Identifier: Apache-2.0

extension SchemaText {
    /// `machine` of the document without a kind.
    static let machine = """
        config
          version   string   always
          debug     bool*
          persist   bool*
          machine   machine  always
          cluster   cluster  always
        machine
          type                      string             always
          token                     string             always secret
          ca                        keyAndCertificate
          acceptedCAs               [certificate]      1.7+
          certSANs                  [string]           always
          controlPlane              machineControlPlane
          kubelet                   kubelet
          pods                      [any]               secret
          network                   network
          disks                     [disk]
          install                   install
          files                     [file]
          env                       {string}           secret
          time                      time
          sysctls                   {string}
          sysfs                     {string}
          registries                registries         value
          systemDiskEncryption      systemDiskEncryption
          features                  features
          udev                      udev
          logging                   logging
          kernel                    kernel
          seccompProfiles           [seccompProfile]
          baseRuntimeSpecOverrides  any                1.9+
          nodeLabels                {string}
          nodeAnnotations           {string}           1.8+
          nodeTaints                {string}           1.6+
        keyAndCertificate
          crt  bytes  always
          key  bytes  always secret
        certificate
          crt  bytes  always
        key
          key  bytes  always secret
        machineControlPlane
          controllerManager  disabled
          scheduler          disabled
        disabled
          disabled  bool*
        kubelet
          image                                string
          clusterDNS                           [string]
          extraArgs                            {arguments}
          extraMounts                          [extraMount]
          extraConfig                          any
          credentialProviderConfig             any  1.6+
          defaultRuntimeSeccompProfileEnabled  bool*
          registerWithFQDN                     bool*
          nodeIP                               nodeIP
          skipNodeRegistration                 bool*
          disableManifestsDirectory            bool*
        nodeIP
          validSubnets  [string]
        extraMount
          destination  string       always
          type         string
          source       string
          options      [string]
          uidMappings  [idMapping]
          gidMappings  [idMapping]
        idMapping
          containerID  uint32  always
          hostID       uint32  always
          size         uint32  always
        disk
          device      string
          partitions  [partition]
        partition
          size        diskSize
          mountpoint  string
        install
          disk               string
          diskSelector       diskSelector
          extraKernelArgs    [string]
          image              string
          extensions         [extension]
          bootloader         bool*
          wipe               bool*         always
          legacyBIOSSupport  bool*
          grubUseUKICmdline  bool*         1.12+
        diskSelector
          size      string*
          name      string
          model     string
          serial    string
          modalias  string
          uuid      string
          wwid      string
          type      string
          busPath   string
        extension
          image  string  always
        file
          content      string    always secret
          permissions  fileMode  always
          path         string    always
          op           string    always
        time
          disabled     bool*
          servers      [string]
          bootTimeout  duration
        registries
          mirrors  {mirror}
          config   {registry}
        mirror
          endpoints     [string]  always
          overridePath  bool*
          skipFallback  bool*     1.9+
        registry
          tls   registryTLS
          auth  registryAuth
        registryTLS
          clientIdentity      keyAndCertificate
          ca                  bytes
          insecureSkipVerify  bool*
        registryAuth
          username       string
          password       string  secret
          auth           string  secret
          identityToken  string  secret
        systemDiskEncryption
          state      encryption
          ephemeral  encryption
        encryption
          provider   string           always
          keys       [encryptionKey]  always
          cipher     string
          keySize    uint64
          blockSize  uint64
          options    [string]
        encryptionKey
          static  staticKey
          nodeID  empty
          kms     kms
          slot    int       always
          tpm     tpm
        staticKey
          passphrase  string  secret
        kms
          endpoint  string  always
        tpm
          checkSecurebootStatusOnEnroll  bool*  1.6+
        empty
        features
          rbac                      bool*
          stableHostname            bool*
          kubernetesTalosAPIAccess  talosAPIAccess
          apidCheckExtKeyUsage      bool*
          diskQuotaSupport          bool*
          kubePrism                 kubePrism
          hostDNS                   hostDNS         1.7+
          imageCache                imageCache      1.9+
          nodeAddressSortAlgorithm  string          1.9+
        talosAPIAccess
          enabled                      bool*
          allowedRoles                 [string]
          allowedKubernetesNamespaces  [string]
        kubePrism
          enabled  bool*
          port     int
        hostDNS
          enabled               bool*
          forwardKubeDNSToHost  bool*
          resolveMemberNames    bool*
        imageCache
          localEnabled  bool*
        udev
          rules  [string]
        logging
          destinations  [loggingDestination]  always
        loggingDestination
          endpoint   string*   always
          format     string    always
          extraTags  {string}  1.6+
        kernel
          modules  [kernelModule]
        kernelModule
          name        string    always
          parameters  [string]
        seccompProfile
          name   string  always
          value  any     always
        """
}
