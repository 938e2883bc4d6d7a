// SPDX-License-Identifier: Apache-2.0

extension SchemaText {
    /// The documents for links, addresses and routes.
    static let links = """
        EthernetConfig 1.10+ named
          features   {bool}
          rings      ethernetRings
          channels   ethernetChannels
          wakeOnLan  [string]          1.12+
        ethernetRings
          rx               uint32*
          tx               uint32*
          rx-mini          uint32*
          rx-jumbo         uint32*
          rx-buf-len       uint32*
          cqe-size         uint32*
          tx-push          bool*
          rx-push          bool*
          tx-push-buf-len  uint32*
          tcp-data-split   bool*
        ethernetChannels
          rx        uint32*
          tx        uint32*
          other     uint32*
          combined  uint32*
        link
          up         bool*
          mtu        uint32
          addresses  [linkAddress]
          routes     [linkRoute]
          multicast  bool*
        linkAddress
          address        string   always
          routePriority  uint32*
        linkRoute
          destination  string
          gateway      string
          source       string
          metric       uint32
          mtu          uint32
          table        string
        LinkConfig 1.12+ named
          + link
        LinkAliasConfig 1.12+ named
          selector  diskMatch  value
        DummyLinkConfig 1.12+ named
          hardwareAddr  string
          + link
        BondConfig 1.12+ named
          hardwareAddr     string
          links            [string]
          bondMode         string*
          miimon           uint32*
          updelay          uint32*
          downdelay        uint32*
          useCarrier       bool*
          xmitHashPolicy   string*
          arpInterval      uint32*
          arpIpTargets     [string]
          nsIp6Targets     [string]
          arpValidate      string*
          arpAllTargets    string*
          lacpRate         string*
          failOverMac      string*
          adSelect         string*
          adActorSysPrio   uint16*
          adUserPortKey    uint16*
          adLACPActive     string*
          primaryReselect  string*
          resendIGMP       uint32*
          minLinks         uint32*
          lpInterval       uint32*
          packetsPerSlave  uint32*
          numPeerNotif     uint8*
          tlbLogicalLb     uint8*
          allSlavesActive  uint8*
          peerNotifDelay   uint32*
          missedMax        uint8*
          + link
        BridgeConfig 1.12+ named
          hardwareAddr  string
          links         [string]
          stp           stp              value
          vlan          bridgeFiltering  value
          + link
        bridgeFiltering
          filtering  bool*
        VLANConfig 1.12+ named
          vlanID    uint16
          vlanMode  string*
          parent    string
          + link
        WireguardConfig 1.12+ named
          privateKey    string       secret
          listenPort    int
          firewallMark  int
          peers         [linkPeer]
          + link
        linkPeer
          publicKey                    string
          presharedKey                 string    secret
          endpoint                     string
          persistentKeepaliveInterval  duration
          allowedIPs                   [string]
        DHCPv4Config 1.12+ named
          routeMetric       uint32
          ignoreHostname    bool*
          clientIdentifier  string*
          duidRaw           string
        DHCPv6Config 1.12+ named
          routeMetric       uint32
          ignoreHostname    bool*
          clientIdentifier  string*
          duidRaw           string
        Layer2VIPConfig 1.12+ named
          link  string  always
        HCloudVIPConfig 1.12+ named
          link      string  always
          apiToken  string  always secret
        KubeSpanConfig 1.13+
          enabled                      bool*
          advertiseKubernetesNetworks  bool*
          allowDownPeerBypass          bool*
          harvestExtraEndpoints        bool*
          mtu                          uint32*
          filters                      kubeSpanFilters
        BlackholeRouteConfig 1.13+ named
          metric  uint32
        RoutingRuleConfig 1.13+ named
          src      string
          dst      string
          table    string  always
          action   string
          iifName  string
          oifName  string
          fwMark   uint32
          fwMask   uint32
        TCPProbeConfig 1.13+ named
          interval          duration
          failureThreshold  int
          endpoint          string    always
          timeout           duration
        VRFConfig 1.13+ named
          hardwareAddr  string
          links         [string]
          table         string    always
          + link
        """
}
