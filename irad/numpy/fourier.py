"""numpy.fft: Fourier transforms along axes, from the one operation along the last."""
# mypy: ignore-errors

import numpy as np


def _dft(x, y, inverse):
    """(real, imaginary) parts of the unscaled transform of x + iy along the last axis: the operation `dft`."""
    raise NotImplementedError


def _pair(x, y):
    """The complex array x + iy."""
    raise NotImplementedError


def _resized(x, n):
    """x with n elements along its last axis: cut, or with zeros at its end."""
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    k = min(n, x.shape[-1])
    out = np.zeros((*x.shape[:-1], n), x.dtype)
    out[..., :k] = x[..., :k]
    return out


def _scale(n, norm, inverse):
    if norm is None or norm == "backward":
        return 1.0 / n if inverse else 1.0
    if norm == "forward":
        return 1.0 if inverse else 1.0 / n
    if norm == "ortho":
        return 1.0 / n**0.5
    raise ValueError('Invalid norm value; should be "backward", "ortho" or "forward".')


def _swapped(norm):
    return "forward" if norm is None or norm == "backward" else "backward" if norm == "forward" else norm


def _floats(x):
    return x.astype(float) if x.dtype.kind in "iub" else x


def _last(x, norm, inverse):
    """The transform along the last axis."""
    x = _floats(x)
    n = x.shape[-1]
    if n == 0:
        raise ValueError("Invalid number of FFT data points (0) specified.")
    re, im = _dft(np.real(x), np.imag(x), inverse)
    scale = _scale(n, norm, inverse)
    return _pair(re * scale, im * scale)


def _along(a, n, axis, norm, inverse):
    x = np.swapaxes(np.asarray(a), axis, -1)
    if n is not None:
        x = _resized(x, n)
    return np.swapaxes(_last(x, norm, inverse), axis, -1)


def fft(a, n=None, axis=-1, norm=None):
    return _along(a, n, axis, norm, False)


def ifft(a, n=None, axis=-1, norm=None):
    return _along(a, n, axis, norm, True)


def rfft(a, n=None, axis=-1, norm=None):
    x = np.swapaxes(np.asarray(a), axis, -1)
    if x.dtype.kind == "c":
        raise TypeError("rfft takes real numbers; take fft of complex ones")
    if n is not None:
        x = _resized(x, n)
    return np.swapaxes(_last(x, norm, False)[..., : x.shape[-1] // 2 + 1], axis, -1)


def irfft(a, n=None, axis=-1, norm=None):
    x = np.swapaxes(np.asarray(a), axis, -1)
    if n is None:
        n = 2 * (x.shape[-1] - 1)
    half = _resized(x, n // 2 + 1)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    mirrored = np.conj(half[..., 1 : (n - 1) // 2 + 1])[..., ::-1]
    whole = np.concatenate([half, mirrored], axis=-1)
    return np.swapaxes(_last(whole, norm, True).real, axis, -1)


def hfft(a, n=None, axis=-1, norm=None):
    return irfft(np.conj(np.asarray(a)), n, axis, _swapped(norm))


def ihfft(a, n=None, axis=-1, norm=None):
    return np.conj(rfft(a, n, axis, _swapped(norm)))


def _axes(x, s, axes):
    """The axes, all of them or the last len(s) where none are named."""
    if axes is not None:
        return axes
    return tuple(range(x.ndim)) if s is None else tuple(range(-len(s), 0))


def _sizes(s, axes):
    """The sizes along axes, None for those that are kept."""
    return (None,) * len(axes) if s is None else tuple(s)


def _over(x, sizes, axes, norm, inverse):
    """x transformed along axes, the last of them first."""
    for n, axis in zip(sizes[::-1], axes[::-1], strict=True):
        x = _along(x, _kept(n), axis, norm, inverse)
    return x


def _kept(n):
    if n is None:
        return None
    return None if n == -1 else n


def fftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    axes = _axes(x, s, axes)
    return _over(x, _sizes(s, axes), axes, norm, False)


def ifftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    axes = _axes(x, s, axes)
    return _over(x, _sizes(s, axes), axes, norm, True)


def rfftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    axes = _axes(x, s, axes)
    sizes = _sizes(s, axes)
    return _over(rfft(x, _kept(sizes[-1]), axes[-1], norm), sizes[:-1], axes[:-1], norm, False)


def irfftn(a, s=None, axes=None, norm=None):
    x = np.asarray(a)
    axes = _axes(x, s, axes)
    sizes = _sizes(s, axes)
    return irfft(_over(x, sizes[:-1], axes[:-1], norm, True), _kept(sizes[-1]), axes[-1], norm)


def fft2(a, s=None, axes=(-2, -1), norm=None):
    return fftn(a, s, axes, norm)


def ifft2(a, s=None, axes=(-2, -1), norm=None):
    return ifftn(a, s, axes, norm)


def rfft2(a, s=None, axes=(-2, -1), norm=None):
    return rfftn(a, s, axes, norm)


def irfft2(a, s=None, axes=(-2, -1), norm=None):
    return irfftn(a, s, axes, norm)


def fftfreq(n, d=1.0):
    return np.concatenate([np.arange(0, (n - 1) // 2 + 1), np.arange(-(n // 2), 0)]) * (1.0 / (n * d))


def rfftfreq(n, d=1.0):
    return np.arange(0, n // 2 + 1) * (1.0 / (n * d))


def fftshift(x, axes=None):
    x = np.asarray(x)
    for axis in tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else axes:
        x = np.roll(x, x.shape[axis] // 2, axis)
    return x


def ifftshift(x, axes=None):
    x = np.asarray(x)
    for axis in tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else axes:
        x = np.roll(x, -(x.shape[axis] // 2), axis)
    return x
