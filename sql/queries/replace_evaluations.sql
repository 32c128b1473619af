-- name: replace_evaluations
-- purpose: write the metrics of an evaluation over older ones
-- grain: one row per row of the registered frame incoming
-- frame: none
-- params: none
INSERT OR REPLACE INTO evaluations BY NAME
SELECT * FROM incoming
