/** `gru-lm inspect --json`: one object a token; docs/inspection.md says what its fields mean. */
import { type Activity, isGate } from '../inspection/activity.ts';
import type { Alternative } from '../inspection/likeliest.ts';
import type { LayerTrace } from '../inspection/trace.ts';
import { mostVaryingUnits, summariseActivity } from '../inspection/units.ts';
import type { Inspection } from './inspection.ts';
import { printJson } from './terminal.ts';

export function printInspection({ model, trace, saliencies, options }: Inspection): void {
  const nameOf = (id: number) => model.tokenizer.token(id);
  const named = (alternatives: readonly Alternative[]) =>
    alternatives.map(({ id, logProbability }) => ({
      id,
      token: nameOf(id),
      probability: rounded(Math.exp(logProbability)),
    }));
  const units = trace.layers.map((layer) =>
    options.units === undefined ? undefined : mostVaryingUnits(layer, options.units),
  );
  const { explain } = options;
  for (const [place, id] of trace.ids.entries()) {
    const surprise = trace.surprises[place]!;
    const isPredicted = place > 0;
    const saliency =
      place === explain ? saliencies.find((each) => each.place === place) : undefined;
    printJson({
      place,
      id,
      token: nameOf(id),
      // As eval sums it: all digits of a float32.
      surprise: isPredicted ? Number(surprise.toPrecision(9)) : null,
      probability: isPredicted ? rounded(Math.exp(-surprise)) : null,
      rank: isPredicted ? trace.ranks[place] : null,
      entropy: isPredicted ? rounded(trace.entropies[place]!) : null,
      alternatives: named(trace.alternatives[place]!),
      layers: trace.layers.map((layer, k) => activitiesAtPlace(layer, place, units[k])),
      ...(saliency && {
        saliency: Array.from(saliency.contributions, (contribution, i) => ({
          place: saliency.start + i,
          token: nameOf(trace.ids[saliency.start + i]!),
          contribution: rounded(contribution),
          gradient: rounded(saliency.gradients[i]!),
        })),
      }),
      ...(place === trace.ids.length - 1 && { next: named(trace.next) }),
    });
  }
}

function activitiesAtPlace(
  { units: H, activities }: LayerTrace,
  place: number,
  chosen: readonly number[] | undefined,
): object {
  const entries = Object.entries(activities) as [Activity, Float32Array][];
  const atPlace = entries.map(
    ([name, values]) => [name, values.subarray(place * H, (place + 1) * H)] as const,
  );
  const summaries = atPlace.map(([name, values]) => {
    const { mean, shut, open } = summariseActivity(name, values);
    const share = isGate(name)
      ? { shut: rounded(shut), open: rounded(open) }
      : { saturated: rounded(open) };
    return [name, { mean: rounded(mean), ...share }];
  });
  const units = chosen?.map((unit) => ({
    unit,
    ...Object.fromEntries(atPlace.map(([name, values]) => [name, rounded(values[unit]!)])),
  }));
  return { ...Object.fromEntries(summaries), ...(units && { units }) };
}

/** To six digits: what comes of float32 has no more to say. */
function rounded(value: number): number {
  return Number(value.toPrecision(6));
}
