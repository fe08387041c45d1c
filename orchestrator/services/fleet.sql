-- name: figures
SELECT figure, label, value FROM fleet_figures(%(tenants)s)
