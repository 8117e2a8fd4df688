import { describe, expect, it } from 'vitest';
import { pageOf } from './page.ts';
import type { PageContents, PageData } from './page-data.ts';

const HOSTILE = ['</script><script>alert(1)</script>', '"\'`&amp;<!--', '\u2028\u2029', '$&$1'];

/** Two places and a layer of three units. */
function contents(names: readonly string[], units = 2): PageContents {
  const title = names[0] as string;
  return {
    title,
    checkpoint: names[1] as string,
    config: {
      vocabularySize: 4,
      embeddingSize: 2,
      hiddenSize: 3,
      layers: 1,
      gruVariant: 'reset-after',
      dropout: 0,
    },
    tokenName: (id) => names[id] as string,
    trace: {
      ids: Int32Array.of(0, 2),
      surprises: Float32Array.of(Number.NaN, 1.25),
      ranks: Int32Array.of(0, 2),
      entropies: Float32Array.of(Number.NaN, 0.5),
      alternatives: [[], [{ id: 3, logProbability: Math.log(0.75) }]],
      next: [{ id: 1, logProbability: 0 }],
      layers: [
        {
          units: 3,
          below: undefined,
          activities: {
            update: Float32Array.of(0, 0.5, 1, 0.25, 0.75, 0.1),
            state: Float32Array.of(-2, 0.5, 0.1, 1, 0.5, -0.9),
          },
        },
      ],
    },
    texts: [0, 2].map((id) => ({ lead: '', text: names[id] as string })),
    saliencies: [
      { place: 1, start: 0, contributions: Float32Array.of(-0.5), gradients: Float32Array.of(2) },
    ],
    span: 8,
    units,
    chosen: 1,
  };
}

function dataOf(page: string): PageData {
  const json = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1];
  return JSON.parse(json as string) as PageData;
}

describe('a page', () => {
  it('has one script of all modules, in which no name is there twice', () => {
    const page = pageOf(contents(['a', 'b', 'c', 'd']));
    const script = /<script>(.*)<\/script>/s.exec(page)?.[1] as string;
    expect(script).not.toMatch(/^(im|ex)port /m);
    expect(() => new Function(script)).not.toThrow();
    const names = Array.from(
      script.matchAll(/^(?:const|let|(?:async )?function|class) (\w+)/gm),
      ([, name]) => name as string,
    );
    expect(names).toContain('showText');
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
  });

  it('has hostile names and texts as data only, and unchanged', () => {
    const page = pageOf(contents(HOSTILE));
    const data = dataOf(page);
    expect(data).toMatchObject({ title: HOSTILE[0], checkpoint: HOSTILE[1] });
    expect(data.texts).toEqual([HOSTILE[0], HOSTILE[2]]);
    expect(data.names).toEqual({ 0: HOSTILE[0], 1: HOSTILE[1], 2: HOSTILE[2], 3: HOSTILE[3] });
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script/g)).toHaveLength(2);
    expect(page).not.toContain('<!--');
    expect(page).not.toMatch(/[\u2028\u2029]/);
    const title = /<title>(.*?)<\/title>/s.exec(page)?.[1];
    expect(title).toBe(
      '&#60;/script&#62;&#60;script&#62;alert(1)&#60;/script&#62; – gru-lm inspect',
    );
  });

  it('names nothing outside of itself', () => {
    const page = pageOf(contents(['a', 'b', 'c', 'd']));
    expect(page).not.toMatch(/https?:|ftp:|url\(|@import ["u]|\b(src|srcset)=/);
    expect(page).not.toContain('PAGE_');
    const policy = /Content-Security-Policy" content="(.*?)"/.exec(page)?.[1];
    expect(policy).toMatch(
      /^default-src 'none'; img-src data:; style-src 'sha256-\S+'; script-src 'sha256-\S+';/,
    );
  });

  it('has the units that vary most in 8 bits, and numbers of all', () => {
    const { layers, saliency } = dataOf(pageOf(contents(['a', 'b', 'c', 'd'])));
    const [layer] = layers;
    expect(layer).toMatchObject({ size: 3, units: [0, 2], saturated: 1, dead: 1 });
    const [update, state] = layer!.activities;
    expect(update).toMatchObject({
      name: 'update',
      signed: false,
      scale: 1,
      means: [0.5, 0.36667],
    });
    expect([...Buffer.from(update!.values, 'base64')]).toEqual([0, 255, 64, 26]);
    expect(state).toMatchObject({ name: 'state', signed: true, scale: 2, means: [0.86667, 0.8] });
    expect([...new Int8Array(Buffer.from(state!.values, 'base64'))]).toEqual([-127, 6, 64, -57]);
    expect(saliency.contributions.scales).toEqual([0.5]);
    expect([...new Int8Array(Buffer.from(saliency.contributions.values, 'base64'))]).toEqual([
      -127,
    ]);
  });
});
