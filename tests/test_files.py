"""Tables in, results out."""

import numpy as np
import pytest

from kmeans_fast.files import FileError, check_input, check_output, output_files, read_table, write_result


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="data.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write_text


@pytest.mark.parametrize(
    "text, names",
    [
        ("1,2\n3,4\n", None),
        ("a,b\n1,2\n3,4\n", ["a", "b"]),
        ('"length, cm",width\n1,2\n3,4\n', ["length, cm", "width"]),
        ("\n\na;b\n1;2\n3;4\n", ["a", "b"]),
        ("\ufeffx\ty\n1\t2\n3\t4", ["x", "y"]),
        ("\n1,2\n\n3,4\n", None),
        ('"1","2"\n"3","4"\n', None),
        ("#,b\n1,2\n3,4\n", ["#", "b"]),
    ],
)
def test_a_header_is_found_where_the_first_line_is_not_numbers(write, text, names):
    table = read_table(write(text))
    assert table.X.tolist() == [[1, 2], [3, 4]]
    assert table.X.dtype == np.float64
    assert table.names == names


def test_header_can_be_forced(write):
    path = write("1,2\n3,4\n")
    table = read_table(path, header="yes")
    assert table.X.tolist() == [[3, 4]]
    assert table.names == ["1", "2"]
    with pytest.raises(FileError, match="could not convert"):
        read_table(write("a,b\n3,4\n"), header="no")


@pytest.mark.parametrize("text", ["1\n2\n", "a\n1\n2\n"])
def test_one_column_stays_two_dimensional(write, text):
    assert read_table(write(text)).X.shape == (2, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_the_dtype_of_an_npy_is_kept(tmp_path, dtype):
    path = tmp_path / "data.npy"
    np.save(path, np.ones((3, 2), dtype=dtype))
    assert read_table(path).X.dtype == dtype
    assert read_table(path, dtype="float32").X.dtype == np.float32


def test_mmap_leaves_the_numbers_on_disk(tmp_path):
    path = tmp_path / "data.npy"
    np.save(path, np.ones((3, 2)))
    assert isinstance(read_table(path, mmap=True).X, np.memmap)


@pytest.mark.parametrize(
    "name, content, reason",
    [
        ("data.csv", b"", "empty"),
        ("data.csv", b"a,b\n", "no numbers"),
        ("data.csv", b"1,2\n3\n", "columns"),
        ("data.csv", b"1,2\n3,\n", "could not convert"),
        ("data.csv", b"\xff\xfe\x00", "decode"),
        ("data.npy", b"", "No data left|empty|EOF"),
        ("data.npy", b"no array at all", "pickle"),
        ("data.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'", "header"),
    ],
)
def test_unreadable_files_say_why(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FileError, match=reason) as caught:
        read_table(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [np.array([["a", "b"]]), np.ones((2, 2), dtype=complex)])
def test_only_real_numbers_are_read(tmp_path, values):
    path = tmp_path / "data.npy"
    np.save(path, values)
    with pytest.raises(FileError, match="expected real numbers"):
        read_table(path)


def test_inputs_are_files_of_a_known_kind(tmp_path, write):
    check_input(write("1,2\n"))
    (tmp_path / "folder.csv").mkdir()
    for name, reason in [("none.csv", "no such file"), ("data.txt", "ends in"), ("folder.csv", "not a file")]:
        with pytest.raises(FileError, match=reason):
            check_input(tmp_path / name)


def test_outputs_are_checked_before_the_work(tmp_path, write):
    source = write("1,2\n")
    (tmp_path / "folder.npz").mkdir()
    check_output(tmp_path / "out.csv", source=source)
    for output, reason in [
        (tmp_path / "out.txt", "ends in"),
        (tmp_path / "none" / "out.npz", "no folder"),
        (tmp_path / "folder.npz", "is a folder"),
        (source, "is the input"),
    ]:
        with pytest.raises(FileError, match=reason):
            check_output(output, source=source)


def test_the_centers_file_may_not_replace_the_input_either(write, tmp_path):
    source = write("1,2\n", "out-centers.csv")
    with pytest.raises(FileError, match="is the input"):
        check_output(tmp_path / "out.csv", source=source)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_results_come_back_bit_for_bit(tmp_path, dtype):
    labels = np.array([0, 1, 1], dtype=np.int32)
    centers = np.array([[0.1, 1 / 3], [1e-30, -7e30]], dtype=dtype)
    (path,) = write_result(tmp_path / "out.npz", labels, centers)
    with np.load(path) as result:
        assert result["labels"].dtype == np.int32
        assert result["labels"].tolist() == labels.tolist()
        assert result["centers"].dtype == dtype
        assert (result["centers"] == centers).all()

    files = write_result(tmp_path / "out.csv", labels, centers, ["a, b", "c"])
    assert files == output_files(tmp_path / "out.csv") == [tmp_path / "out.csv", tmp_path / "out-centers.csv"]
    assert files[0].read_text() == "label\n0\n1\n1\n"
    table = read_table(files[1], dtype=np.dtype(dtype).name)
    assert table.names == ["a, b", "c"]
    assert (centers == table.X).all()
