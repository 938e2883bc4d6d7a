// SPDX-License-Identifier: Apache-2.0

/// Finds what somebody probably meant who mistyped a name.
enum NearNames {
    /// Longer names are not compared, so that no input makes this slow.
    private static let longest = 64

    /// Up to three of `names` that are nearest to `name`, nearest first, none that is not much like it.
    static func of(_ name: String, among names: [String]) -> [String] {
        let wanted = Array(name.lowercased().utf8)
        guard wanted.count <= longest else { return [] }
        let limit = max(2, wanted.count / 3)
        return
            names
            .filter { $0.utf8.count <= longest }
            .map { (name: $0, distance: distance(wanted, Array($0.lowercased().utf8))) }
            .filter { $0.distance <= limit || $0.name.lowercased().hasSuffix(".\(name.lowercased())") }
            .sorted { ($0.distance, $0.name) < ($1.distance, $1.name) }
            .prefix(3).map(\.name)
    }

    /// How many bytes must be changed, added or removed to make one of the other.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (index, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for (column, other) in right.enumerated() {
                let above = row[column + 1]
                row[column + 1] = min(above + 1, row[column] + 1, diagonal + (byte == other ? 0 : 1))
                diagonal = above
            }
        }
        return row[right.count]
    }
}
