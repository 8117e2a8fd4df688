import { describe, expect, it } from 'vitest';
import { minimumGlibc, needsOf } from './addon-needs.ts';

/** As `objdump -p -T` writes it. */
const tables = `
Dynamic Section:
  NEEDED               libdnnl.so.3
  NEEDED               libtensorflow_framework.so.2
  NEEDED               libstdc++.so.6
  NEEDED               libm.so.6
  NEEDED               ld-linux-x86-64.so.2
  RPATH                $ORIGIN/onednn:$ORIGIN/tensorflow

Version References:
  required from libgcc_s.so.1:
    0x0b792650 0x00 18 GCC_3.0

DYNAMIC SYMBOL TABLE:
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.29) log
0000000000000000      DF *UND*	0000000000000000 (GLIBC_2.2.5) memcpy
0000000000000000      DO *UND*	0000000000000000 (GLIBC_2.32) __libc_single_threaded
0000000000000000      DF *UND*	0000000000000000 (GLIBCXX_3.4.29) _ZSt28__throw_bad_array_new_lengthv
0000000000000000      DF *UND*	0000000000000000  GOMP_parallel
`;

describe('what addons ask of a system', () => {
  it('is the newest version of each library and every library by name', () => {
    expect(needsOf(tables)).toEqual({
      versions: { GLIBC: '2.32', GLIBCXX: '3.4.29', GCC: '3.0' },
      libraries: [
        'ld-linux-x86-64.so.2',
        'libdnnl.so.3',
        'libm.so.6',
        'libstdc++.so.6',
        'libtensorflow_framework.so.2',
      ],
    });
  });

  it('tells from which glibc on they load', () => {
    expect(minimumGlibc(tables)).toBe('2.32');
    expect(minimumGlibc('')).toBe('2.17');
  });

  it.each([
    ['(GLIBC_2.38) strtol', 'GLIBC 2.36 at most; they need 2.38'],
    ['(GLIBCXX_3.4.32) other', 'GLIBCXX 3.4.30 at most; they need 3.4.32'],
    ['(CXXABI_1.3.15) other', 'CXXABI 1.3.13 at most; they need 1.3.15'],
    ['\n  NEEDED               libgomp.so.1\n', 'every system has; these need libgomp.so.1.'],
  ])('may not be %j, which Debian 12 lacks', (line, message) => {
    expect(() => minimumGlibc(`${tables}${line}`)).toThrow(message);
  });
});
