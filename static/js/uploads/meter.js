/* How quickly something grows: the mean of the last seconds, so it falls when nothing moves. */
const SECONDS = 8;

export class Meter {
  #samples = [];

  /* Note how much there is by now. Where it shrinks (an upload goes back), it begins anew. */
  note(amount, now = Date.now()) {
    if (amount < (this.#samples.at(-1)?.amount ?? 0)) this.#samples = [];
    this.#samples.push({ amount, now });
    while (this.#samples.length > 2 && now - this.#samples[1].now > SECONDS * 1000) this.#samples.shift();
  }

  /* Per second. */
  get rate() {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    return first && last.now > first.now ? ((last.amount - first.amount) * 1000) / (last.now - first.now) : 0;
  }
}
