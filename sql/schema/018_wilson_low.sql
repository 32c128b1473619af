-- name: wilson_low
-- purpose: the lower end of Wilson's 95% interval for a share: k of n texts, n at least 1. 1.96 is the normal quantile z;
--          1.9208, 0.9604 and 3.8416 are z*z/2, z*z/4 and z*z. It assumes independent texts. Wilson 1927, JASA 22(158)
-- grain: one number from 0 to 1
-- frame: none
-- params: none
CREATE MACRO wilson_low(k, n) AS
greatest(0, (k + 1.9208 - 1.96 * sqrt(k * (n - k) / n + 0.9604)) / (n + 3.8416))
