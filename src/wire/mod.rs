//! WKProto, the binary protocol of WuKongIM: bytes to packets and back.
