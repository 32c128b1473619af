-- name: new_codes
-- purpose: give the codes of the frame `drawn` (place, code) to the people of the frame `unnamed` (place, subject_id), except codes
--          that are or were in use
-- grain: one new row per person who got a code
-- frame: none
-- params: now
INSERT INTO codes BY NAME
SELECT d.code, u.subject_id, CAST($now AS TIMESTAMP) AS given_at
FROM drawn AS d
JOIN unnamed AS u USING (place)
ANTI JOIN codes AS c ON c.code = d.code
