// SPDX-License-Identifier: Apache-2.0
import Platform

extension ProtobufWriter {
    /// A `google.protobuf.Duration`.
    mutating func duration(_ field: Int, _ value: Duration) {
        let nanoseconds = value.clampedNanoseconds
        message(field) {
            $0.signed(1, nanoseconds / 1_000_000_000)
            $0.signed(2, nanoseconds % 1_000_000_000)
        }
    }
}

extension ProtobufMessage {
    /// A `google.protobuf.Timestamp`; nil if there is none, or none that a `Timestamp` can hold.
    func timestamp(_ field: Int) throws(ProtobufError) -> Timestamp? {
        guard let time = try message(field) else { return nil }
        let (scaled, tooFar) = time.signed(1).multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, overflow) = scaled.addingReportingOverflow(Int64(time.int32(2)))
        return tooFar || overflow ? nil : Timestamp(nanosecondsSince1970: sum)
    }
}
