//! The file of rows: one JSON object a line, only ever appended to.
//!
//! A write that the death of the process tore leaves a last line without its end. It was never acted on, so it is cut
//! off. Anything else that cannot be read is somebody else's doing, and not repaired.

use jindou_gateway::Row;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

pub struct RowFile {
    file: Option<File>,
    buffer: Vec<u8>,
}

impl RowFile {
    /// A file that keeps nothing.
    pub fn nowhere() -> RowFile {
        RowFile { file: None, buffer: Vec::new() }
    }

    /// Opens the file in `folder`, and reads what is there.
    pub fn open(folder: &Path) -> io::Result<(RowFile, Vec<Row>)> {
        std::fs::create_dir_all(folder)?;
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.join("rows.jsonl"))?;
        // Two that write into one file would spoil it for good.
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another gateway keeps its state there; end it first"),
            TryLockError::Error(error) => error,
        })?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (rows, whole) = read(&text)?;
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        Ok((RowFile { file: Some(file), buffer: Vec::new() }, rows))
    }

    pub fn add(&mut self, row: &Row) -> io::Result<()> {
        if self.file.is_some() {
            serde_json::to_writer(&mut self.buffer, row)?;
            self.buffer.push(b'\n');
        }
        Ok(())
    }

    /// Hands what was added to the operating system: it survives the end of this process, not that of the machine.
    pub fn write(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file
            && !self.buffer.is_empty()
        {
            file.write_all(&self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }
}

/// The rows, and how many bytes are whole lines.
fn read(text: &[u8]) -> io::Result<(Vec<Row>, usize)> {
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut rows = Vec::new();
    for (number, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let row = serde_json::from_slice(line).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {} of rows.jsonl: {error}", number + 1))
        })?;
        rows.push(row);
    }
    Ok((rows, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_for_one_gateway_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let (first, _) = RowFile::open(folder.path()).expect("the first");
        let refused = RowFile::open(folder.path()).map(|_| ()).expect_err("the second is refused");
        assert_eq!(refused.to_string(), "another gateway keeps its state there; end it first");
        drop(first);
        RowFile::open(folder.path()).expect("as soon as the first has ended");
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_a_broken_one_before_is_an_error() {
        let row = r#"{"row":"system","uid":"bot","system":true}"#;
        let torn = format!("{row}\n{}", &row[..20]);
        let (rows, whole) = read(torn.as_bytes()).expect("the whole lines");
        assert_eq!((rows.len(), whole), (1, row.len() + 1));
        assert!(read(format!("nonsense\n{row}\n").as_bytes()).is_err());
    }
}
