//! Tests of object arrays. Those that numpy writes in each protocol are in `fuzz/corpus`.

use super::*;
use crate::formats::npy::dtype::Dtype;

/// `pickle.dumps(np.array(["A1", "größe", None, "A1"], dtype=object), 4)` by NumPy 2.4.6.
const NUMPY: &[u8] = b"\
    \x80\x04\x95\x9c\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstr\
    uct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94\
    (K\x01K\x04\x85\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02O8\x94\x89\x88\x87\x94R\x94(K\x03\x8c\
    \x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?t\x94b\x89]\x94(\x8c\x02A1\x94\x8c\x07gr\xc3\
    \xb6\xc3\x9fe\x94Nh\x13et\x94b.";
/// Where its list of names begins.
const LIST: usize = 141;

fn read_bytes(bytes: &[u8], count: usize) -> Result<Vec<String>, String> {
    let header = Header {
        dtype: Dtype::Object,
        descr: "|O".into(),
        big_endian: false,
        fortran: false,
        shape: vec![count],
        data_start: 0,
    };
    read(&mut &bytes[..], &header)
}

/// The same array with another list of names.
fn with_names(count: u8, list: &[u8]) -> Result<Vec<String>, String> {
    let mut bytes = NUMPY[..LIST].to_vec();
    // The length in the array's shape.
    bytes[89] = count;
    bytes.extend(b"]\x94");
    bytes.extend(list);
    bytes.extend(b"t\x94b.");
    read_bytes(&bytes, count.into())
}

#[test]
fn names_that_numpy_pickled_are_read() {
    assert_eq!(read_bytes(NUMPY, 4).unwrap(), ["A1", "größe", "", "A1"]);
    let one = with_names(1, b"\x8c\x01aa").unwrap();
    assert_eq!(one, ["a"]);
    let two = with_names(2, b"(X\x02\0\0\0abNe").unwrap();
    assert_eq!(two, ["ab", ""]);
    assert_eq!(with_names(0, b"").unwrap(), [""; 0]);
}

#[test]
fn other_objects_are_refused_with_their_row() {
    let others: [&[u8]; 6] = [
        b"(\x8c\x01aK\x05e",              // 5
        b"(\x8c\x01aG?\xf0\0\0\0\0\0\0e", // 1.0
        b"(\x8c\x01a]e",                  // another list
        b"(\x8c\x01a\x8c\x02os\x8c\x06system\x93e",
        b"(\x8c\x01acposix\nsystem\ne",
        b"(\x8c\x01a}e", // a dictionary
    ];
    for list in others {
        let fault = with_names(2, list).unwrap_err();
        assert!(fault.contains("never unpickled"), "{fault}");
    }
    let fault = with_names(2, others[5]).unwrap_err();
    assert!(
        fault.starts_with("row 1 is neither text nor None"),
        "{fault}"
    );
}

#[test]
fn an_array_of_another_shape_than_the_header_says_is_refused() {
    for count in [0, 3, 5] {
        assert!(read_bytes(NUMPY, count).is_err(), "{count}");
    }
    let mut more = NUMPY.to_vec();
    more.push(0);
    assert!(read_bytes(&more, 4).is_err());
}

#[test]
fn damaged_bytes_are_refused_or_give_as_many_names() {
    for end in 0..NUMPY.len() {
        assert!(read_bytes(&NUMPY[..end], 4).is_err(), "{end}");
    }
    for at in 0..NUMPY.len() {
        for byte in 0..=255 {
            let mut bytes = NUMPY.to_vec();
            bytes[at] = byte;
            if let Ok(names) = read_bytes(&bytes, 4) {
                assert_eq!(names.len(), 4, "byte {at}: {byte}");
            }
        }
    }
}

#[test]
fn memory_is_bounded() {
    let long = [b"\x8c\x01aX".as_slice(), &u32::MAX.to_le_bytes()].concat();
    let fault = with_names(2, &long).unwrap_err();
    assert!(fault.contains("at most 4096"), "{fault}");
    // Values on the stack, tuples in tuples, and what is remembered without end.
    assert!(with_names(1, &[b'N'; 5000]).is_err());
    assert!(with_names(1, &[&b"N"[..], &[0x85; 5000]].concat()).is_err());
    assert!(
        read_bytes(NUMPY, MAX_NAMES + 1)
            .unwrap_err()
            .contains("at most")
    );
    // One long name, many times: 40 bytes of the file for each 4096 of memory.
    let name = [b"(X\0\x10\0\0".as_slice(), &[b'a'; 4096], b"\x94"].concat();
    let mut bytes = NUMPY[..86].to_vec();
    bytes.extend(b"K\x01J");
    bytes.extend(100_000i32.to_le_bytes());
    bytes.extend(&NUMPY[90..LIST]);
    bytes.extend(b"]\x94");
    bytes.extend(name);
    bytes.extend(b"e");
    for _ in 0..99 {
        bytes.push(b'(');
        bytes.extend(b"h\x13".repeat(1000));
        bytes.push(b'e');
    }
    let fault = read_bytes(&bytes, 100_000).unwrap_err();
    assert!(fault.contains("bytes of text"), "{fault}");
}
