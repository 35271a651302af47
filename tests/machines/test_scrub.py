"""What leaves the machine names nobody and holds no secret, wherever a careless person left it; and says the rest unchanged."""

import json

import pytest

from fixer.host.scrub import Scrub, scrubbed

ALICE = Scrub({"HOME": "/home/alice", "USER": "alice"}, ("dgx07.corp.example",))
SECRET = "hunter2"
HELD = {
    "a kernel's variables": f'{{"env": {{"OPENAI_API_KEY": "{SECRET}", "X": "1"}}}}',
    "camel case": f'{{"accessToken":"{SECRET}"}}',
    "a unit": f'Environment=AWS_SECRET_ACCESS_KEY={SECRET}\nEnvironment="WANDB_API_KEY={SECRET}"',
    "a profile": f"export HF_TOKEN={SECRET}",
    "a value of several words": f"password = {SECRET} and {SECRET}",
    "a value in quotes": f"export DB_PASSWORD='{SECRET} and {SECRET}'",
    "a crontab": f"0 5 * * * MY_TOKEN={SECRET} /usr/bin/python3 x.py --password {SECRET} --api-key={SECRET}",
    "an address whose password holds an at": f"index-url = https://bob:x@{SECRET}@host.example/simple",
    "an address whose name is the token": f"https://{SECRET}@host.example/simple",
    "an address's query": f"https://host.example/simple?token={SECRET}&x=1",
    "a header": f"Authorization: Bearer {SECRET}",
    "a private key": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    "fish": f"set -gx API_KEY {SECRET}",
    "csh": f"setenv GITLAB_TOKEN {SECRET}",
    "JSON in JSON": json.dumps({"TF_CONFIG": json.dumps({"token": SECRET})}),
    "netrc": f"machine pypi.example login bob password {SECRET}",
    "a database's variable": f"PGPASSWORD={SECRET}",
    "a storage key": f"AZURE_STORAGE_KEY={SECRET}==",
    "a number": '{"pin_token": 4711}',
}


@pytest.mark.parametrize("where", HELD)
def test_a_secret_goes_wherever_it_stands(where):
    said = ALICE(HELD[where])
    assert SECRET not in said and "4711" not in said and "bob" not in said
    if HELD[where].startswith("{"):
        json.loads(said)


def test_a_secret_under_its_own_key_goes_and_keys_stay():
    assert scrubbed({"HF_TOKEN": SECRET, "PATH": "/usr/bin", "deep": [{"password": SECRET}]}, ALICE) == {
        "HF_TOKEN": "***", "PATH": "/usr/bin", "deep": [{"password": "***"}],
    }  # fmt: skip


def test_other_people_become_numbers_that_stay_the_same():
    said = ALICE("/home/alice/x:/home/bob/lib:/export/home/carol.s/y:/home/bob/z, bob@corp.example, DGX07 and dgx07.corp.example")
    assert said == "/home/user/x:/home/person1/lib:/export/home/person2/y:/home/person1/z, someone@example.invalid, machine and machine"


@pytest.mark.parametrize("name", ["nvidia", "tensorflow", "data", "ubuntu"])
def test_a_person_named_like_a_program_takes_no_word_away(name):
    scrub = Scrub({"HOME": f"/home/{name}", "USER": name})
    text = "nvidia 56688640 1 nvidia_uvm, Live; tensorflow/data/ops; ID=ubuntu"
    assert scrub(text) == text and scrub(f"/home/{name}/env") == "/home/user/env"


def test_a_name_of_two_letters_is_a_folder_and_no_syllable():
    assert Scrub({"HOME": "/home/al", "USER": "al"})("/scratch/al/x is all al has") == "/scratch/user/x is all al has"


def test_what_is_no_secret_is_kept_to_the_letter():
    kept = (
        '{"tokenizers": "0.15.0", "token-bucket": "0.3", "secretstorage": "3.3.1", "passlib": "1.7"}', "tokenizers==0.15",
        "Requires-Dist: passlib", "tensorflow/lite/token.py,sha256=abc,12", "user@1000.service", "cudnnX@@libcudnn_cnn.so.9",
        "/home/linuxbrew/.linuxbrew/bin", "/home/jovyan/x", "https://index.example/simple", "docs://tokens",
    )  # fmt: skip
    assert [ALICE(text) for text in kept] == list(kept)
