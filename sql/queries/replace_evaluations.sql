-- name: replace_evaluations
-- purpose: keep the metrics of an evaluation, in place of older ones
-- grain: one row per row of the registered frame incoming
-- frame: none
-- params: none
INSERT OR REPLACE INTO evaluations BY NAME
SELECT * FROM incoming
