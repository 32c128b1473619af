-- name: codes
-- purpose: the short name of each person, drawn at random at first sight and kept. When a person is forgotten their code
--          stays without subject_id, so that nobody else ever gets it and an old list cannot name the wrong person
-- grain: one row per code
-- frame: none
-- params: none
CREATE TABLE codes (
    code VARCHAR PRIMARY KEY,
    subject_id VARCHAR,
    given_at TIMESTAMP
)
