from __future__ import annotations

from pathlib import Path

import pytest

from edgeconv.data import folders
from edgeconv.data.folders import LabelledImage, labelled, list_images
from edgeconv.errors import RefusedError, UsageError


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    touch(folder / "a.jpg", folder / "b.PNG", folder / "c.jpeg")
    return folder


def write_csv(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


class TestListing:
    def test_images_come_sorted_from_the_folder_and_its_sub_folders(self, tmp_path: Path) -> None:
        touch(*(tmp_path / name for name in ("z.jpg", "b/2.png", "b/1.webp", "a.TIFF")))
        touch(tmp_path / "notes.txt", tmp_path / ".hidden.jpg", tmp_path / ".cache" / "x.jpg")
        touch(tmp_path / "b" / "deeper" / "3.jpg")
        names = [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)]
        assert names == ["a.TIFF", "b/1.webp", "b/2.png", "z.jpg"]

    def test_links_that_lead_nowhere_are_listed_so_that_loading_names_them(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
        (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing.jpg")
        (tmp_path / "up").symlink_to(tmp_path)
        assert {path.name for path in list_images(tmp_path)} == {"loop.jpg", "gone.jpg"}

    def test_a_folder_named_like_an_image_is_no_image(self, tmp_path: Path) -> None:
        touch(tmp_path / "album.jpg" / "1.jpg")
        assert [path.name for path in list_images(tmp_path)] == ["1.jpg"]

    def test_an_empty_folder_is_wrong_usage_and_says_what_is_read(self, tmp_path: Path) -> None:
        touch(tmp_path / "photo.heic", tmp_path / "deep" / "deeper" / "x.jpg")
        with pytest.raises(UsageError, match=r"hold no image \(known endings: \.jpg, \.jpeg"):
            list_images(tmp_path)

    def test_a_missing_folder_and_a_file_are_wrong_usage(self, tmp_path: Path) -> None:
        touch(tmp_path / "x.jpg")
        with pytest.raises(UsageError, match="missing does not exist"):
            list_images(tmp_path / "missing")
        with pytest.raises(UsageError, match=r"x\.jpg is no folder"):
            list_images(tmp_path / "x.jpg")
        with pytest.raises(UsageError, match="does not exist"):
            list_images("a\0b")

    def test_too_many_files_are_refused_as_they_are_counted(
        self, photos: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folders, "MAX_FILES", 2)
        with pytest.raises(UsageError, match="more than 2 files"):
            list_images(photos)


class TestLabelsFromCsv:
    TABLE = "file,label,author\nb.PNG,7,\na.jpg,1,Ann\n\n"

    def test_a_csv_beside_the_folder_is_found(self, photos: Path) -> None:
        write_csv(photos.with_name("photos.csv"), self.TABLE)
        expected = [LabelledImage(photos / "b.PNG", 7), LabelledImage(photos / "a.jpg", 1)]
        assert labelled(photos) == expected
        assert labelled(f"{photos}/") == expected

    def test_a_csv_in_the_folder_is_found(self, photos: Path) -> None:
        write_csv(photos / "labels.csv", self.TABLE)
        assert len(labelled(photos)) == 2

    def test_two_candidates_are_not_chosen_between(self, photos: Path) -> None:
        write_csv(photos / "labels.csv", self.TABLE)
        write_csv(photos.with_name("photos.csv"), self.TABLE)
        with pytest.raises(UsageError, match="choose with --labels"):
            labelled(photos)
        assert len(labelled(photos, photos / "labels.csv")) == 2

    def test_other_writings_of_the_same_table_are_read(self, photos: Path) -> None:
        path = photos / "labels.csv"
        path.write_bytes(b"\xef\xbb\xbf Label , FILE \r\n3, a.jpg \r\n")
        assert labelled(photos) == [LabelledImage(photos / "a.jpg", 3)]

    def test_label_names_stand_for_their_index(self, photos: Path) -> None:
        write_csv(photos / "labels.csv", "file,label\na.jpg,Tench\nb.PNG,1\n")
        found = labelled(photos, class_names=["goldfish", "shark", "tench, Tinca tinca"])
        assert [image.label for image in found] == [2, 1]

    def test_the_real_table_is_read(self, real_data: object) -> None:
        found = labelled(real_data.validation, classes=1000)  # type: ignore[attr-defined]
        assert len(found) == 500
        assert found[0].path.name == "0c7ac4a8c9dfa802.jpg"
        assert found[0].label == 305

    @pytest.mark.parametrize(
        ("table", "message"),
        [
            ("", "must name the columns"),
            ("name,class\na.jpg,1\n", "starts with 'name,class'; its first line must name"),
            ("file,label\n", "no rows below its header"),
            ("file,label\n../a.jpg,1\n", r"line 2: the file is '\.\./a\.jpg'.*inside the folder"),
            ("file,label\n/etc/passwd,1\n", "inside the folder"),
            ("file,label\nC:\\x.jpg,1\n", "inside the folder"),
            ("file,label\n,1\n", "inside the folder"),
            ("file,label\na\x1b[2J.jpg,1\n", r"'a\\x1b\[2J\.jpg'"),
            ("file,label\na.jpg\n", "line 2: the label is ''"),
            ("file,label\na.jpg,-1\n", "the label is '-1'; allowed are class indices 0 to 999"),
            ("file,label\na.jpg,1000\n", "0 to 999"),
            ("file,label\na.jpg,1.0\n", "the label is '1.0'"),
            ("file,label\na.jpg,²\n", "the label is '²'"),
            ("file,label\na.jpg,1\na.jpg,2\n", "lines 2 and 3 both name a.jpg"),
            ("file,label\na.jpg,1\n./a.jpg,1\n", "lines 2 and 3 both name"),
            (
                "file,label\nx.jpg,1\na.jpg,1\ny.jpg,1\n",
                "names 2 files that are not in.*x.jpg, y.jpg; to .*--labels a file that names",
            ),
            ("file,label\n" + "n" * 300 + ".jpg,1\n", "names 1 files that are not in"),
            ("file,label\n" + "n" * 200_000 + ",1\n", "no CSV in UTF-8: field larger"),
        ],
    )
    def test_content_that_cannot_be_is_refused(
        self, photos: Path, table: str, message: str
    ) -> None:
        path = write_csv(photos / "labels.csv", table)
        with pytest.raises(RefusedError, match=message) as caught:
            labelled(photos, classes=1000)
        assert str(path) in str(caught.value)

    def test_what_is_no_text_is_refused(self, photos: Path) -> None:
        (photos / "labels.csv").write_bytes(b"file,label\n\xff\xfe,1\n")
        with pytest.raises(RefusedError, match="no CSV in UTF-8"):
            labelled(photos)

    def test_a_huge_csv_is_refused_unread(self, photos: Path) -> None:
        with (photos / "labels.csv").open("wb") as stream:
            stream.truncate(65 * 2**20)
        with pytest.raises(RefusedError, match="the limit is 67,108,864"):
            labelled(photos)

    def test_too_many_rows_are_refused(self, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(folders, "MAX_FILES", 1)
        write_csv(photos / "labels.csv", self.TABLE)
        with pytest.raises(RefusedError, match="more than 1 rows"):
            labelled(photos)

    def test_a_missing_csv_is_wrong_usage(self, photos: Path) -> None:
        with pytest.raises(UsageError, match=r"none\.csv cannot be read: No such file"):
            labelled(photos, photos / "none.csv")
        with pytest.raises(UsageError, match="is no file"):
            labelled(photos, photos)


class TestLabelsFromSubFolders:
    def folder(self, tmp_path: Path, *names: str) -> Path:
        for name in names:
            touch(tmp_path / name / "1.jpg", tmp_path / name / "2.jpg")
        return tmp_path

    def labels(self, folder: Path, **options: object) -> dict[str, int]:
        return {i.path.parent.name: i.label for i in labelled(folder, **options)}  # type: ignore[arg-type]

    def test_sorted_names_count_from_zero(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "n02", "n01")
        (folder / "n00").mkdir()  # a class without photos still takes its index
        assert self.labels(folder) == {"n01": 1, "n02": 2}

    def test_whole_numbers_are_the_index(self, tmp_path: Path) -> None:
        assert self.labels(self.folder(tmp_path, "9", "010")) == {"9": 9, "010": 10}

    def test_label_names_are_found_whatever_their_case(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "Cat", "dog")
        assert self.labels(folder, class_names=["dog", "cat", "eel"]) == {"Cat": 1, "dog": 0}

    def test_unknown_names_are_sorted_where_every_class_has_a_folder(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "n01", "n02")
        assert self.labels(folder, class_names=["dog", "cat"]) == {"n01": 0, "n02": 1}

    def test_unknown_names_are_refused_where_classes_are_missing(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "cat", "cta")
        with pytest.raises(UsageError, match=r"2 sub-folders .* 3 classes.*instance cta"):
            labelled(folder, class_names=["dog", "cat", "eel"])

    def test_a_label_that_two_classes_share_is_no_name(self, tmp_path: Path) -> None:
        folder = self.folder(tmp_path, "crane")
        with pytest.raises(UsageError, match="instance crane"):
            labelled(folder, class_names=["crane, bird", "crane, machine"])

    def test_two_folders_of_one_class_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="both class 1; join them"):
            labelled(self.folder(tmp_path, "1", "01"))

    def test_an_index_past_the_classes_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="the net has the classes 0 to 9"):
            labelled(self.folder(tmp_path, "10"), classes=10)

    def test_photos_without_any_label_are_wrong_usage(self, photos: Path) -> None:
        with pytest.raises(UsageError, match=r"3 samples without a label \(a\.jpg.*file,label"):
            labelled(photos)
