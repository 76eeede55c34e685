//! unzip, Python's zipfile, bsdtar and the zip crate, held to the same answers. A missing program
//! fails the test.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Command;

type Files = Vec<(String, Vec<u8>)>;

/// All four list exactly `files` in order, and read the same bytes.
pub fn read_all(path: &Path, files: &Files) {
    let names: Vec<&str> = files.iter().map(|f| f.0.as_str()).collect();
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    assert_eq!(archive.len(), files.len());
    for (i, (name, data)) in files.iter().enumerate() {
        let mut entry = archive.by_index(i).unwrap();
        let mut got = Vec::new();
        entry.read_to_end(&mut got).unwrap();
        let listed = entry.name().unwrap().into_owned();
        drop(entry);
        assert_eq!((listed, &got), (name.clone(), data));
    }
    python(path, &names);
    if files.is_empty() {
        return; // unzip and bsdtar call an empty archive an error or a warning.
    }
    let said = run(Command::new("unzip").arg("-tq").arg(path));
    assert!(said.contains("No errors detected"), "{said}");
    assert_eq!(lines(Command::new("unzip").arg("-Z1").arg(path)), names);
    assert_eq!(lines(Command::new("bsdtar").arg("-tf").arg(path)), names);
    // bsdtar checks every CRC as it extracts.
    let bytes = output(Command::new("bsdtar").arg("-xOf").arg(path));
    let expected: Vec<u8> = files.iter().flat_map(|f| f.1.clone()).collect();
    assert!(bytes == expected, "bsdtar read other bytes");
}

/// All four list `entries` with their sizes, and read the `small` ones.
pub fn read_some(path: &Path, entries: &[(String, u64, u64)], small: &[(&str, &[u8])]) {
    let mut archive = zip::ZipArchive::new(File::open(path).unwrap()).unwrap();
    for (i, (name, size, offset)) in entries.iter().enumerate() {
        let entry = archive.by_index(i).unwrap();
        assert_eq!(
            (entry.name().unwrap().into_owned(), entry.size()),
            (name.clone(), *size)
        );
        assert_eq!(entry.header_start(), *offset);
    }
    let script = "import sys, zipfile\n\
        for e in zipfile.ZipFile(sys.argv[1]).infolist(): print(e.filename, e.file_size, e.header_offset)";
    let listed = lines(Command::new("python3").args(["-c", script]).arg(path));
    let expected: Vec<String> = entries
        .iter()
        .map(|(n, s, o)| format!("{n} {s} {o}"))
        .collect();
    assert_eq!(listed, expected);
    let verbose = run(Command::new("bsdtar").arg("-tvf").arg(path));
    // unzip 6.0 warns of a ZIP64 field that holds exactly 2^32 - 1, though only ZIP64 can say that
    // size; it is asked about all others.
    let odd = entries.iter().any(|e| e.1 == u64::from(u32::MAX));
    let said = match odd {
        true => vec![verbose],
        false => vec![verbose, run(Command::new("unzip").arg("-l").arg(path))],
    };
    for (name, size, _) in entries {
        for said in &said {
            let found = said.lines().any(|line| {
                let words: Vec<&str> = line.split_whitespace().collect();
                words.last() == Some(&name.as_str()) && words.contains(&size.to_string().as_str())
            });
            assert!(found, "{name} {size} in\n{said}");
        }
    }
    for (name, data) in small {
        let mut got = Vec::new();
        archive
            .by_name(name)
            .unwrap()
            .read_to_end(&mut got)
            .unwrap();
        assert_eq!(got, *data);
        if !odd {
            let read = output(Command::new("unzip").arg("-p").arg(path).arg(name));
            assert_eq!(read, *data);
        }
        assert_eq!(
            output(Command::new("bsdtar").arg("-xOf").arg(path).arg(name)),
            *data
        );
        let script = "import sys, zipfile\n\
            sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))";
        let read = output(
            Command::new("python3")
                .args(["-c", script])
                .arg(path)
                .arg(name),
        );
        assert_eq!(read, *data);
    }
}

/// Python lists `names`, finds every CRC right, and sees a fixed date.
pub fn python(path: &Path, names: &[&str]) {
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        assert all(e.date_time == (1980, 1, 1, 0, 0, 0) for e in z.infolist())\n\
        for n in z.namelist(): print(n)";
    assert_eq!(
        lines(Command::new("python3").args(["-c", script]).arg(path)),
        names
    );
}

fn lines(command: &mut Command) -> Vec<String> {
    run(command).lines().map(str::to_owned).collect()
}

fn run(command: &mut Command) -> String {
    String::from_utf8(output(command)).unwrap()
}

fn output(command: &mut Command) -> Vec<u8> {
    // Names outside ASCII are printed as they are only in a UTF-8 locale.
    let output = command
        .env("LC_ALL", "C.UTF-8")
        .env("PYTHONUTF8", "1")
        .output()
        .unwrap_or_else(|error| panic!("run {command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {errors}");
    output.stdout
}
