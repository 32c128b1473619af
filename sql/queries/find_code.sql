-- name: find_code
-- purpose: the person whom a code, an id or a pseudonym names
-- grain: at most one row per person
-- frame: none
-- params: code, ids
SELECT subject_id, code, given_at
FROM codes
WHERE code = $code OR list_contains(CAST($ids AS VARCHAR[]), subject_id)
ORDER BY code
