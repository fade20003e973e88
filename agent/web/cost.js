// Estimated cost, where the agent has prices: rows have it then.

export const costOf = (row) => row.cost ?? row.estimated_cost ?? null;
export const currencyOf = (rows) => rows.find((r) => r.currency)?.currency;
