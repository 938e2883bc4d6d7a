// SPDX-License-Identifier: Apache-2.0

extension SchemaText {
    /// `machine.network`.
    static let machineNetwork = """
        network
          hostname             string
          interfaces           [device]     by interface deviceSelector
          nameservers          [string]
          searchDomains        [string]     1.8+
          extraHostEntries     [extraHost]
          kubespan             kubeSpan
          disableSearchDomain  bool*
        device
          interface       string
          deviceSelector  deviceSelector
          addresses       [string]
          cidr            string
          routes          [route]
          bond            bond
          bridge          bridge
          bridgePort      bridgePort      1.8+
          vlans           [vlan]          by vlanId
          mtu             int
          dhcp            bool*
          ignore          bool*
          dummy           bool*
          dhcpOptions     dhcpOptions
          wireguard       wireguard
          vip             vip
        deviceSelector
          busPath        string
          hardwareAddr   string
          permanentAddr  string  1.9+
          pciID          string
          driver         string
          physical       bool*   1.6+
        route
          network  string  always
          gateway  string  always
          source   string
          metric   uint32
          mtu      uint32
        bond
          interfaces       [string]          always
          deviceSelectors  [deviceSelector]
          arpIPTarget      [string]
          mode             string            always
          xmitHashPolicy   string
          lacpRate         string
          adActorSystem    string
          arpValidate      string
          arpAllTargets    string
          primary          string
          primaryReselect  string
          failOverMac      string
          adSelect         string
          miimon           uint32
          updelay          uint32
          downdelay        uint32
          arpInterval      uint32
          resendIgmp       uint32
          minLinks         uint32
          lpInterval       uint32
          packetsPerSlave  uint32
          numPeerNotif     uint8
          tlbDynamicLb     uint8
          allSlavesActive  uint8
          useCarrier       bool*
          adActorSysPrio   uint16
          adUserPortKey    uint16
          peerNotifyDelay  uint32
        bridge
          interfaces  [string]    always
          stp         stp
          vlan        bridgeVLAN  1.8+
        stp
          enabled  bool*
        bridgeVLAN
          vlanFiltering  bool*
        bridgePort
          master  string
        vlan
          addresses    [string]
          cidr         string
          routes       [route]      always
          dhcp         bool*
          vlanId       uint16       always
          mtu          uint32
          vip          vip
          dhcpOptions  dhcpOptions
        dhcpOptions
          routeMetric  uint32  always
          ipv4         bool*
          ipv6         bool*
          duidv6       string
        wireguard
          privateKey    string           secret
          listenPort    int
          firewallMark  int
          peers         [wireguardPeer]
        wireguardPeer
          publicKey                    string
          endpoint                     string
          persistentKeepaliveInterval  duration
          allowedIPs                   [string]
        vip
          ip            string
          equinixMetal  apiToken
          hcloud        apiToken
        apiToken
          apiToken  string  always secret
        extraHost
          ip       string    always
          aliases  [string]  always
        kubeSpan
          enabled                      bool*
          advertiseKubernetesNetworks  bool*
          allowDownPeerBypass          bool*
          harvestExtraEndpoints        bool*            1.6+
          mtu                          uint32*
          filters                      kubeSpanFilters
        kubeSpanFilters
          endpoints                  [string]
          excludeAdvertisedNetworks  [string]  1.12+
        """
}
