// SPDX-License-Identifier: Apache-2.0

extension SchemaText {
    /// `cluster` of the document without a kind.
    static let cluster = """
        cluster
          id                              string
          secret                          string                 secret
          controlPlane                    controlPlane
          clusterName                     string
          network                         clusterNetwork
          token                           string                 secret
          aescbcEncryptionSecret          string                 secret
          secretboxEncryptionSecret       string                 secret
          ca                              keyAndCertificate
          acceptedCAs                     [certificate]          1.7+
          aggregatorCA                    keyAndCertificate
          serviceAccount                  key
          apiServer                       apiServer
          controllerManager               controllerManager
          proxy                           proxy
          scheduler                       scheduler
          discovery                       discovery
          etcd                            etcd
          coreDNS                         coreDNS
          externalCloudProvider           externalCloudProvider
          extraManifests                  [string]
          extraManifestHeaders            {string}               secret
          inlineManifests                 [inlineManifest]
          adminKubeconfig                 adminKubeconfig
          allowSchedulingOnMasters        bool*
          allowSchedulingOnControlPlanes  bool*
        controlPlane
          endpoint            string*  always url
          localAPIServerPort  int
        clusterNetwork
          cni             cni
          dnsDomain       string    always
          podSubnets      [string]  always replace
          serviceSubnets  [string]  always replace
        cni
          name     string
          urls     [string]
          flannel  flannel   1.6+
        flannel
          extraArgs                   [string]
          kubeNetworkPoliciesEnabled  bool*     1.13+
        apiServer
          image                     string
          extraArgs                 {arguments}
          extraVolumes              [volumeMount]
          env                       {string}           secret
          certSANs                  [string]
          disablePodSecurityPolicy  bool*
          admissionControl          [admissionPlugin]  by name
          auditPolicy               any                replace
          resources                 resources
          authorizationConfig       [authorizer]       1.9+
        volumeMount
          hostPath   string  always
          mountPath  string  always
          readonly   bool
        admissionPlugin
          name           string  always
          configuration  any     always
        authorizer
          type     string  always
          name     string  always
          webhook  any
        resources
          requests  any
          limits    any
        controllerManager
          image         string
          extraArgs     {arguments}
          extraVolumes  [volumeMount]
          env           {string}       secret
          resources     resources
        proxy
          disabled   bool*
          image      string
          mode       string
          extraArgs  {arguments}
        scheduler
          image         string
          extraArgs     {arguments}
          extraVolumes  [volumeMount]
          env           {string}       secret
          resources     resources
          config        any            1.6+
        discovery
          enabled     bool*
          registries  discoveryRegistries  always value
        discoveryRegistries
          kubernetes  disabled          always value
          service     discoveryService  always value
        discoveryService
          disabled  bool*
          endpoint  string
        etcd
          image              string
          ca                 keyAndCertificate  always
          extraArgs          {arguments}
          subnet             string
          advertisedSubnets  [string]
          listenSubnets      [string]
        coreDNS
          disabled  bool*
          image     string
        externalCloudProvider
          enabled    bool*
          manifests  [string]
        inlineManifest
          name      string  always
          contents  string  always secret trimmed
        adminKubeconfig
          certLifetime  duration
        """
}
