//! WKProto, the binary protocol of WuKongIM: bytes to packets and back, and the cipher over their payloads.
//!
//! All packet kinds of protocol versions 1 to 6, for both ends of a connection, since the gateway double speaks with
//! the same codec. It knows nothing of sessions, order or storage: it is for bytes and for nothing else.
//!
//! ```text
//!  socket message ─► Deframer ─► Packet ─► Cipher::open ─► plaintext
//!  plaintext ─► Cipher::seal_send ─► Packet ─► encode ─► socket message
//! ```
//!
//! No input makes it panic. Unknown kinds, reasons and channel types are kept and may be skipped.

pub mod cipher;
mod codes;
mod deframe;
mod error;
mod packet;
mod read;
mod text;
mod write;

pub use cipher::{Cipher, KeyPair};
pub use codes::{Flags, PacketKind, ProtocolVersion, ReasonCode, Setting};
pub use deframe::Deframer;
pub use error::{CipherError, DecodeError, EncodeError};
pub use packet::{
    Connack, Connect, Disconnect, Event, Packet, Recv, Recvack, Send, Sendack, Stream, Sub, Suback, Unknown,
};
pub use read::{Decoded, decode};
pub use text::Text;
pub use write::{encode, encode_for_one_node, encoded_len};

/// The largest remaining length that any decoder accepts.
pub const MAX_REMAINING: usize = 1024 * 1024;
/// The largest payload, as on the wire, that a SEND is encoded with. Clusters of version 2 lose larger ones.
pub const MAX_SEND_PAYLOAD: usize = 32_767;
/// How many bytes of remaining length are read at most.
const MAX_LENGTH_BYTES: usize = 4;
