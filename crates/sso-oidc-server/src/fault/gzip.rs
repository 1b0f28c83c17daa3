//! The least of gzip (RFC 1952): one stored block, so that no compressor is needed.

/// These bytes as a gzip file. At most 65,535 of them, which is what one stored block holds (RFC 1951 §3.2.4).
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let bytes = &bytes[..bytes.len().min(usize::from(u16::MAX))];
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    file.push(1); // the last block, and it is stored
    file.extend_from_slice(&length.to_le_bytes());
    file.extend_from_slice(&(!length).to_le_bytes());
    file.extend_from_slice(bytes);
    file.extend_from_slice(&crc32(bytes).to_le_bytes());
    file.extend_from_slice(&u32::from(length).to_le_bytes());
    file
}

/// RFC 1952 §8, without its table: the bodies are short.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standards_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn a_stored_file_has_its_length_twice_and_its_text_once() {
        let file = stored(b"hello");
        assert_eq!(&file[..4], [0x1f, 0x8b, 8, 0]);
        assert_eq!(&file[10..15], [1, 5, 0, 0xfa, 0xff]);
        assert_eq!(&file[15..20], b"hello");
        assert_eq!(&file[24..], [5, 0, 0, 0]);
    }
}
