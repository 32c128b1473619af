-- name: criteria
-- purpose: the model's second answer: P(criterion) of eleven signs of depression, P(any of them), and the names of the
--          criteria above their limits, separated by commas ('any' if only P(any) is above its limit, '' for none). All are NULL
--          for a model without this question
-- grain: thirteen values per row of scores
-- frame: none
-- params: none
ALTER TABLE scores ADD COLUMN s_mood DOUBLE;
ALTER TABLE scores ADD COLUMN s_hopeless DOUBLE;
ALTER TABLE scores ADD COLUMN s_interest DOUBLE;
ALTER TABLE scores ADD COLUMN s_worth DOUBLE;
ALTER TABLE scores ADD COLUMN s_suicidal DOUBLE;
ALTER TABLE scores ADD COLUMN s_psychomotor DOUBLE;
ALTER TABLE scores ADD COLUMN s_concentration DOUBLE;
ALTER TABLE scores ADD COLUMN s_energy DOUBLE;
ALTER TABLE scores ADD COLUMN s_sleep DOUBLE;
ALTER TABLE scores ADD COLUMN s_appetite DOUBLE;
ALTER TABLE scores ADD COLUMN s_irritable DOUBLE;
ALTER TABLE scores ADD COLUMN p_any DOUBLE;
ALTER TABLE scores ADD COLUMN criteria VARCHAR
