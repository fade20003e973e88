// Estimated cost, where the agent has prices: rows have it then.

export const costOf = (row) => row.estimated_cost_usd ?? null;
