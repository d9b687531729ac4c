/** Whether what is proved is what was asked for: the last step of a check, behind the bundle's. */

/** Return a verdict that also fails when something else than the asked object is proved. */
export function compared(verdict, kind, isAsked) {
  if (!verdict.valid) {
    return verdict;
  }
  if (verdict.kind === kind && isAsked(verdict.claims)) {
    const step = { name: 'asked', verdict: 'passed', detail: 'It is what was asked for.' };
    return { ...verdict, steps: [...verdict.steps, step] };
  }
  const reason = 'the bundle proves something else than what was asked for';
  const step = { name: 'asked', verdict: 'failed', code: 'OTHER_OBJECT', reason };
  return { ...verdict, valid: false, steps: [...verdict.steps, step], claims: null };
}
