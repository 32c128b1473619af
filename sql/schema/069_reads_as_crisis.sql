-- name: reads_as_crisis
-- purpose: whether the model alone raises a crisis alert about a text: P(suicidal) is at or above the rule's limit, and the text or
--          a passage of it is sad, P(high) 0.3 or above. No real passage that readers called explicit had less than this; texts of
--          plain fear or gladness in the built-in feed had less (monitor/alerts/README.md)
-- grain: one answer, true or false
-- frame: none
-- params: none
CREATE MACRO reads_as_crisis(s_suicidal, p_high, peak_high, suicidal_limit) AS
coalesce(s_suicidal >= suicidal_limit AND greatest(p_high, peak_high) >= 0.3, false)
