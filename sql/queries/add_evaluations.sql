-- name: add_evaluations
-- purpose: add the measurements that come with a model, if it has none
-- grain: one row per row of the registered frame incoming that is about this model
-- frame: none
-- params: model_id
INSERT INTO evaluations BY NAME
FROM incoming
WHERE model_id = $model_id AND NOT EXISTS (FROM evaluations AS own WHERE own.model_id = $model_id)
