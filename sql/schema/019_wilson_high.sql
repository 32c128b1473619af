-- name: wilson_high
-- purpose: the upper end of Wilson's 95% interval for a share; see wilson_low
-- grain: one number from 0 to 1
-- frame: none
-- params: none
CREATE MACRO wilson_high(k, n) AS
least(1, (k + 1.9208 + 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416))
